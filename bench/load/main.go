// Load drives an upload server and tells what it saw, one JSON object a line.
//
// It waits at each step for a line on its input, so that whoever measures the server can read its CPU between them:
//
//	{"phase": "ready"}      digests are computed           then, upon a line:
//	{"phase": "received"}   every piece is acknowledged    then, upon a line:
//	{"phase": "finished"}   the server has done with every upload
//
// With -withhold the last bytes of each upload are sent only after `received`: a server that goes on with a whole
// file (verifies it, tags it) cannot begin before the receiving has been measured.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Settings of one run.
type Settings struct {
	dialect  string
	payload  string
	base     string
	name     string
	uploads  int
	atOnce   int
	parallel int
	piece    int
	withhold int
	probes   float64
	pace     Pace
}

// Run is what happens in one run.
type Run struct {
	Settings
	address string
	bytes   *Payload
	dialect Dialect
	pieces  []Span
	tail    []Span
	length  int
	uploads []*Upload
	latency Latencies
	faults  Faults
	conns   sync.Pool
}

func main() {
	var s Settings
	flag.StringVar(&s.dialect, "dialect", "raw", "how to speak")
	flag.StringVar(&s.payload, "payload", "", "the file that every upload sends")
	flag.StringVar(&s.base, "url", "", "where uploads are made, with a slash at the end")
	flag.StringVar(&s.name, "name", "bench", "what the files' names begin with")
	flag.IntVar(&s.uploads, "uploads", 1, "how many uploads")
	flag.IntVar(&s.atOnce, "at-once", 1, "how many of them at once")
	flag.IntVar(&s.parallel, "parallel", 1, "how many pieces of one upload at once")
	flag.IntVar(&s.piece, "piece", 8<<20, "bytes of a piece; 0 sends the file in one")
	flag.IntVar(&s.withhold, "withhold", 0, "bytes of each upload that wait until the receiving was measured")
	flag.Float64Var(&s.probes, "probes", 0, "status requests a second while pieces are sent")
	flag.IntVar(&s.pace.Bytes, "pace-bytes", 0, "send a body in so many bytes at once")
	flag.DurationVar(&s.pace.Rest, "pace-rest", 0, "rest after each of them")
	flag.Parse()
	run, err := prepare(s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	run.phases(bufio.NewScanner(os.Stdin))
}

func prepare(s Settings) (*Run, error) {
	bytes, err := OpenPayload(s.payload)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(s.base)
	if err != nil {
		return nil, err
	}
	dialect, err := NewDialect(s.dialect, Common{target.Path, bytes, s.pace})
	if err != nil {
		return nil, err
	}
	run := &Run{Settings: s, address: target.Host, bytes: bytes, dialect: dialect, length: len(bytes.bytes)}
	if s.piece == 0 {
		run.piece = run.length
	}
	run.pieces = Pieces(0, run.length-s.withhold, dialect.Piece(run.piece, run.length))
	if s.withhold > 0 {
		run.tail = []Span{{run.length - s.withhold, run.length}}
	}
	if digest := dialect.Digest(); digest != nil {
		bytes.Prepare(append(append([]Span{}, run.pieces...), run.tail...), digest)
	}
	for i := range s.uploads {
		upload := &Upload{Name: fmt.Sprintf("%s-%d.mp3", s.name, i)}
		dialect.Ready(upload, run.pieces[0])
		run.uploads = append(run.uploads, upload)
	}
	run.conns.New = func() any { return &Conn{address: run.address} }
	return run, nil
}

func (r *Run) phases(input *bufio.Scanner) {
	tell(map[string]any{"phase": "ready"})
	input.Scan()
	began := time.Now()
	looks := r.probe(func() { r.each(r.atOnce, r.receive) })
	wall := time.Since(began).Seconds()
	sent := r.uploads[:0:0]
	for _, upload := range r.uploads {
		if upload.Note != failed {
			sent = append(sent, upload)
		}
	}
	tell(map[string]any{
		"phase": "received", "seconds": wall, "bytes": len(sent) * (r.length - r.withhold), "uploads": len(sent),
		"pieces": r.latency.Count(), "piece_ms": r.latency.Milliseconds(), "probe_ms": looks.Milliseconds(),
		"probes": looks.Count(), "errors": r.faults.Count(), "first_error": r.faults.First(),
	})
	input.Scan()
	began = time.Now()
	r.uploads = sent
	if len(r.tail) > 0 {
		r.each(min(16, len(sent)), func(c *Conn, u *Upload) error { return r.dialect.Send(c, u, r.tail[0], true) })
	}
	tailed := time.Since(began).Seconds()
	r.each(1, r.await)
	tell(map[string]any{
		"phase": "finished", "tail_seconds": tailed, "seconds": time.Since(began).Seconds(),
		"errors": r.faults.Count(), "first_error": r.faults.First(),
	})
}

const failed = "\x00failed"

// each does something with every upload, so many at once; an upload that fails is marked and left.
func (r *Run) each(atOnce int, do func(*Conn, *Upload) error) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(atOnce, len(r.uploads)) {
		all.Add(1)
		go func() {
			defer all.Done()
			conn := r.conns.Get().(*Conn)
			defer r.conns.Put(conn)
			for i := next.Add(1) - 1; int(i) < len(r.uploads); i = next.Add(1) - 1 {
				if err := do(conn, r.uploads[i]); err != nil {
					r.faults.Add(err)
					r.uploads[i].Note = failed
				}
			}
		}()
	}
	all.Wait()
}

func (r *Run) receive(conn *Conn, upload *Upload) error {
	if err := r.dialect.Create(conn, upload, r.pieces, r.length); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	r.latency.seen(upload)
	if err := r.send(conn, upload); err != nil {
		return fmt.Errorf("piece: %w", err)
	}
	if err := r.dialect.Whole(conn, upload, r.pieces, r.length); err != nil {
		return fmt.Errorf("whole: %w", err)
	}
	return nil
}

// send delivers the pieces of one upload over `parallel` connections, the first of which is given.
func (r *Run) send(conn *Conn, upload *Upload) error {
	if r.parallel == 1 {
		return r.sendFrom(conn, upload, new(atomic.Int64))
	}
	var next atomic.Int64
	outcomes := make(chan error, r.parallel)
	for i := range r.parallel {
		own := conn
		if i > 0 {
			own = r.conns.Get().(*Conn)
		}
		go func() {
			outcomes <- r.sendFrom(own, upload, &next)
			if own != conn {
				r.conns.Put(own)
			}
		}()
	}
	var first error
	for range r.parallel {
		if err := <-outcomes; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (r *Run) sendFrom(conn *Conn, upload *Upload, next *atomic.Int64) error {
	for i := next.Add(1) - 1; int(i) < len(r.pieces); i = next.Add(1) - 1 {
		began := time.Now()
		if err := r.dialect.Send(conn, upload, r.pieces[i], int(i) == len(r.pieces)-1); err != nil {
			return err
		}
		r.latency.Add(time.Since(began))
	}
	return nil
}

// await returns when the server has done with the upload.
func (r *Run) await(conn *Conn, upload *Upload) error {
	for patience := time.Now().Add(5 * time.Minute); time.Now().Before(patience); time.Sleep(20 * time.Millisecond) {
		if done, err := r.dialect.Finished(conn, upload); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s was not finished within 5 minutes", upload.Name)
}

func tell(what map[string]any) {
	line, _ := json.Marshal(what)
	os.Stdout.Write(append(line, '\n'))
}
