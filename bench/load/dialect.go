// The ways to talk to a server: how an upload is made, how one of its pieces is sent, how it is looked at.

package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Upload is one file on its way.
type Upload struct {
	Name string
	At   string // the path under which the server knows it
	Note string // what else the dialect must remember
	Own  []byte // the first piece, where it must differ from every other upload's
}

// Dialect is what differs between servers.
type Dialect interface {
	// Piece is how many bytes a piece has, where the server does not leave it to the client.
	Piece(wanted, length int) int
	// Digest computes what goes with a piece; nil when nothing does.
	Digest() func([]byte) string
	// Ready is called for every upload before the clock starts.
	Ready(u *Upload, first Span)
	// Create makes the upload known to the server.
	Create(c *Conn, u *Upload, pieces []Span, length int) error
	// Send delivers one piece.
	Send(c *Conn, u *Upload, piece Span, last bool) error
	// Whole is called when every piece was sent.
	Whole(c *Conn, u *Upload, pieces []Span, length int) error
	// Look is a status request: its method and path; no path when the server has none.
	Look(u *Upload) (method, path string)
	// Finished tells whether the server has done with a whole upload; true where there is nothing after the bytes.
	Finished(c *Conn, u *Upload) (bool, error)
}

// Common is what every dialect knows, and how most of them behave.
type Common struct {
	base    string // path of the server's upload resource, with its slash at the end
	payload *Payload
	pace    Pace
}

func (d *Common) Piece(wanted, _ int) int                  { return wanted }
func (d *Common) Digest() func([]byte) string              { return nil }
func (d *Common) Ready(*Upload, Span)                      {}
func (d *Common) Create(*Conn, *Upload, []Span, int) error { return nil }
func (d *Common) Whole(*Conn, *Upload, []Span, int) error  { return nil }
func (d *Common) Look(*Upload) (string, string)            { return "GET", "" }
func (d *Common) Finished(*Conn, *Upload) (bool, error)    { return true, nil }

// NewDialect by the name that the Python side uses.
func NewDialect(name string, common Common) (Dialect, error) {
	switch name {
	case "raw":
		return &Native{Common: common}, nil
	case "raw-sha":
		return &Native{Common: common, digest: true}, nil
	case "multipart":
		return &Native{Common: common, multipart: true}, nil
	case "multipart-sha":
		return &Native{Common: common, multipart: true, digest: true}, nil
	case "form":
		return &Form{Native{Common: common}}, nil
	case "tus":
		return &Tus{common}, nil
	case "pieces":
		return &Pieced{common}, nil
	case "put":
		return &Put{common}, nil
	case "up2k":
		return &Up2k{common}, nil
	}
	return nil, fmt.Errorf("there is no dialect %s", name)
}

// expect turns an answer of another status into an error that quotes it.
func expect(answer Answer, err error, statuses ...int) error {
	if err != nil {
		return err
	}
	for _, status := range statuses {
		if answer.Status == status {
			return nil
		}
	}
	return fmt.Errorf("%d %s", answer.Status, bytes.TrimSpace(answer.Body[:min(len(answer.Body), 300)]))
}

// Native is media_service's own: slices as raw bodies or as parts of multipart/form-data.
type Native struct {
	Common
	multipart, digest bool
}

type nativeUpload struct{ ID, State string }

func (d *Native) Digest() func([]byte) string {
	if d.digest {
		return SHA256
	}
	return nil
}

func (d *Native) Create(c *Conn, u *Upload, _ []Span, length int) error {
	body := fmt.Sprintf(`{"filename": %q, "length": %d}`, u.Name, length)
	answer, err := c.Do("POST", d.base+"api/v1/uploads", "Content-Type: application/json\r\n", Pace{}, []byte(body))
	if err := expect(answer, err, 201); err != nil {
		return err
	}
	var made nativeUpload
	if err := json.Unmarshal(answer.Body, &made); err != nil {
		return err
	}
	u.At = d.base + "api/v1/uploads/" + made.ID
	return nil
}

const boundary = "----the-bench-7MA4YWxkTrZu0gW"

func (d *Native) Send(c *Conn, u *Upload, piece Span, _ bool) error {
	digest := d.payload.Digest(piece)
	if !d.multipart {
		headers := "Content-Type: application/octet-stream\r\n"
		if digest != "" {
			headers += "Content-Digest: " + digest + "\r\n"
		}
		answer, err := c.Do("PUT", fmt.Sprintf("%s/slices/%d", u.At, piece.Start), headers, d.pace, d.payload.Of(piece))
		return expect(answer, err, 200)
	}
	head := field("offset", strconv.Itoa(piece.Start))
	if digest != "" {
		head += field("digest", digest)
	}
	answer, err := c.Do("POST", u.At+"/slices", "Content-Type: multipart/form-data; boundary="+boundary+"\r\n", d.pace,
		[]byte(head+fileField("slice")), d.payload.Of(piece), []byte("\r\n--"+boundary+"--\r\n"))
	return expect(answer, err, 200)
}

func (d *Native) Look(u *Upload) (string, string) { return "GET", u.At }

func (d *Native) Finished(c *Conn, u *Upload) (bool, error) {
	answer, err := c.Do("GET", u.At, "", Pace{})
	if err := expect(answer, err, 200); err != nil {
		return false, err
	}
	var seen nativeUpload
	if err := json.Unmarshal(answer.Body, &seen); err != nil {
		return false, err
	}
	switch seen.State {
	case "spooled":
		return true, nil
	case "received", "verified", "receiving":
		return false, nil
	}
	return false, fmt.Errorf("the upload ended as %s: %s", seen.State, answer.Body)
}

func field(name, value string) string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
}

func fileField(name string) string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name +
		"\"; filename=\"bench.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n"
}

// Form is media_service's plain form: the whole file in one request.
type Form struct{ Native }

func (d *Form) Create(*Conn, *Upload, []Span, int) error { return nil }

func (d *Form) Send(c *Conn, u *Upload, piece Span, _ bool) error {
	answer, err := c.Do("POST", d.base+"upload", "Content-Type: multipart/form-data; boundary="+boundary+"\r\n", d.pace,
		[]byte(fileField("mp3")), d.payload.Of(piece), []byte("\r\n--"+boundary+"--\r\n"))
	if err := expect(answer, err, 201, 202); err != nil {
		return err
	}
	u.At = answer.Header.Get("Location")
	return nil
}

// Tus is tus 1.0: a creation and appends.
type Tus struct{ Common }

const tusVersion = "Tus-Resumable: 1.0.0\r\n"

func (d *Tus) Create(c *Conn, u *Upload, _ []Span, length int) error {
	name := base64.StdEncoding.EncodeToString([]byte(u.Name))
	headers := fmt.Sprintf("%sUpload-Length: %d\r\nUpload-Metadata: filename %s\r\n", tusVersion, length, name)
	answer, err := c.Do("POST", d.base, headers, Pace{})
	if err := expect(answer, err, 201); err != nil {
		return err
	}
	location, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		return err
	}
	u.At = location.EscapedPath()
	return nil
}

func (d *Tus) Send(c *Conn, u *Upload, piece Span, _ bool) error {
	headers := fmt.Sprintf("%sUpload-Offset: %d\r\nContent-Type: application/offset+octet-stream\r\n", tusVersion, piece.Start)
	answer, err := c.Do("PATCH", u.At, headers, d.pace, d.payload.Of(piece))
	if err := expect(answer, err, 204); err != nil {
		return err
	}
	if offset := answer.Header.Get("Upload-Offset"); offset != strconv.Itoa(piece.Stop) {
		return fmt.Errorf("Upload-Offset %s after %d", offset, piece.Stop)
	}
	return nil
}

func (d *Tus) Look(u *Upload) (string, string) { return "HEAD", u.At }

// Pieced puts each piece as a file of its own: what a server without resuming can do.
type Pieced struct{ Common }

func (d *Pieced) Send(c *Conn, u *Upload, piece Span, _ bool) error {
	answer, err := c.Do("PUT", fmt.Sprintf("%s%s.%014d", d.base, u.Name, piece.Start), "", d.pace, d.payload.Of(piece))
	return expect(answer, err, 200, 201, 204)
}

// Put sends the whole file in one PUT.
type Put struct{ Common }

func (d *Put) Send(c *Conn, u *Upload, piece Span, _ bool) error {
	answer, err := c.Do("PUT", d.base+u.Name, "", d.pace, d.payload.Of(piece))
	return expect(answer, err, 200, 201, 204)
}

// Up2k is copyparty's: a handshake with the digest of every piece, the pieces, a handshake at the end.
//
// It copies a file that it knows instead of asking for it, so every upload gets a name of its own into the padding of
// its ID3v2 tag, behind the tag's 10 bytes of header.
type Up2k struct{ Common }

func (d *Up2k) Ready(u *Upload, first Span) {
	u.Own = bytes.Clone(d.payload.Of(first))
	stamp := sha512.Sum512([]byte(fmt.Sprint(u.Name, time.Now().UnixNano())))
	copy(u.Own[10:], stamp[:16])
}

func (d *Up2k) of(u *Upload, piece Span) (content []byte, digest string) {
	if piece.Start == 0 {
		return u.Own, SHA512(u.Own)
	}
	return d.payload.Of(piece), d.payload.Digest(piece)
}

type up2kAnswer struct {
	Hash []string
	Wark string
	Purl string
}

// Piece by copyparty's own rule: at most 256 pieces while they are below 32 MiB.
func (d *Up2k) Piece(_, length int) int {
	size, step := 1<<20, 512<<10
	for {
		for _, factor := range []int{1, 2} {
			pieces := (length + size - 1) / size
			if pieces <= 256 || (size >= 32<<20 && pieces <= 4096) {
				return size
			}
			size, step = size+step, step*factor
		}
	}
}

func (d *Up2k) Digest() func([]byte) string { return SHA512 }

func (d *Up2k) handshake(c *Conn, u *Upload, pieces []Span, length int) (up2kAnswer, error) {
	digests := make([]string, len(pieces))
	for i, piece := range pieces {
		_, digests[i] = d.of(u, piece)
	}
	body, _ := json.Marshal(map[string]any{"name": u.Name, "size": length, "lmod": 1700000000, "hash": digests})
	answer, err := c.Do("POST", d.base, "Content-Type: text/plain;charset=UTF-8\r\n", Pace{}, body)
	var seen up2kAnswer
	if err := expect(answer, err, 200); err != nil {
		return seen, err
	}
	return seen, json.Unmarshal(answer.Body, &seen)
}

func (d *Up2k) Create(c *Conn, u *Upload, pieces []Span, length int) error {
	seen, err := d.handshake(c, u, pieces, length)
	if err == nil && len(seen.Hash) == 0 {
		err = fmt.Errorf("the server wants no pieces of %s", u.Name)
	}
	u.At, u.Note = d.base, seen.Wark
	if seen.Purl != "" {
		u.At = "/" + strings.TrimPrefix(seen.Purl, "/")
	}
	return err
}

func (d *Up2k) Send(c *Conn, u *Upload, piece Span, _ bool) error {
	content, digest := d.of(u, piece)
	headers := "Content-Type: application/octet-stream\r\nX-Up2k-Hash: " + digest + "\r\nX-Up2k-Wark: " + u.Note + "\r\n"
	answer, err := c.Do("POST", u.At, headers, d.pace, content)
	return expect(answer, err, 200)
}

func (d *Up2k) Whole(c *Conn, u *Upload, pieces []Span, length int) error {
	seen, err := d.handshake(c, u, pieces, length)
	if err == nil && len(seen.Hash) > 0 {
		err = fmt.Errorf("the server still wants %d pieces of %s", len(seen.Hash), u.Name)
	}
	return err
}
