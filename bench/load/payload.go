// The bytes that are sent, mapped into memory, and what is known of them before the clock starts.

package main

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"os"
	"syscall"
)

// Payload is one file; every upload of a run sends it, from the same memory.
type Payload struct {
	bytes   []byte
	digests map[Span]string
}

// Span is the half-open range of bytes [Start, Stop).
type Span struct{ Start, Stop int }

// OpenPayload maps the file and reads every page of it once.
func OpenPayload(path string) (*Payload, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	status, err := file.Stat()
	if err != nil {
		return nil, err
	}
	flags := syscall.MAP_SHARED | syscall.MAP_POPULATE
	bytes, err := syscall.Mmap(int(file.Fd()), 0, int(status.Size()), syscall.PROT_READ, flags)
	if err != nil {
		return nil, err
	}
	return &Payload{bytes, map[Span]string{}}, nil
}

// Of is the span's bytes.
func (p *Payload) Of(span Span) []byte { return p.bytes[span.Start:span.Stop] }

// Digest is the span's digest as its dialect writes it; it was computed by Prepare.
func (p *Payload) Digest(span Span) string { return p.digests[span] }

// Prepare computes the digests of these spans.
func (p *Payload) Prepare(spans []Span, digest func([]byte) string) {
	for _, span := range spans {
		p.digests[span] = digest(p.Of(span))
	}
}

// Pieces cuts [start, stop) into spans of `size` bytes, the last one shorter.
func Pieces(start, stop, size int) []Span {
	spans := make([]Span, 0, (stop-start)/size+1)
	for ; start < stop; start += size {
		spans = append(spans, Span{start, min(start+size, stop)})
	}
	return spans
}

// SHA256 as RFC 9530 writes it.
func SHA256(bytes []byte) string {
	sum := sha256.Sum256(bytes)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// SHA512 as copyparty's up2k names a piece: the first 33 bytes.
func SHA512(bytes []byte) string {
	sum := sha512.Sum512(bytes)
	return base64.RawURLEncoding.EncodeToString(sum[:33])
}
