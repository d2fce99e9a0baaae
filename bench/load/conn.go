// A connection that speaks just enough HTTP/1.1 to drive an upload server at little cost of its own.
//
// net/http copies a body through 32 KiB buffers and two goroutines; here the headers and the payload's own memory go
// to the kernel in one writev, so that the two cores are the server's.

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Patience is how long one request may take before it counts as an error.
const Patience = 120 * time.Second

// Conn is one keep-alive connection, opened when it is needed.
type Conn struct {
	address string
	socket  *net.TCPConn
	reader  *bufio.Reader
}

// Answer is a response with its body read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Pace slows the sending of a body down: so many bytes, then so long a rest. The zero Pace sends at full speed.
type Pace struct {
	Bytes int
	Rest  time.Duration
}

// Do sends a request whose body is `parts`, one behind the other, and reads the answer.
func (c *Conn) Do(method, path, headers string, pace Pace, parts ...[]byte) (Answer, error) {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n%s", method, path, c.address, headers)
	if size > 0 || (method != "GET" && method != "HEAD") {
		head += fmt.Sprintf("Content-Length: %d\r\n", size)
	}
	answer, err := c.try(method, head+"\r\n", pace, parts)
	if err != nil {
		c.Close()
	}
	return answer, err
}

func (c *Conn) try(method, head string, pace Pace, parts [][]byte) (Answer, error) {
	if err := c.open(); err != nil {
		return Answer{}, err
	}
	c.socket.SetDeadline(time.Now().Add(Patience))
	sent := c.send(head, pace, parts)
	// A server may refuse before it has read the body: what it says is worth more than the broken pipe.
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		if sent != nil {
			err = sent
		}
		return Answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return Answer{}, err
	}
	if response.Close || sent != nil {
		c.Close()
	}
	return Answer{response.StatusCode, response.Header, body}, nil
}

func (c *Conn) send(head string, pace Pace, parts [][]byte) error {
	if pace.Bytes == 0 {
		buffers := make(net.Buffers, 0, len(parts)+1)
		buffers = append(append(buffers, []byte(head)), parts...)
		_, err := buffers.WriteTo(c.socket)
		return err
	}
	if _, err := io.WriteString(c.socket, head); err != nil {
		return err
	}
	for _, part := range parts {
		for len(part) > 0 {
			n := min(pace.Bytes, len(part))
			if _, err := c.socket.Write(part[:n]); err != nil {
				return err
			}
			part = part[n:]
			time.Sleep(pace.Rest)
		}
	}
	return nil
}

func (c *Conn) open() error {
	if c.socket != nil {
		return nil
	}
	socket, err := net.DialTimeout("tcp", c.address, 10*time.Second)
	if err != nil {
		return err
	}
	c.socket = socket.(*net.TCPConn)
	c.reader = bufio.NewReaderSize(c.socket, 4096)
	return nil
}

// Close ends the connection; the next request opens another.
func (c *Conn) Close() {
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}
