// How long things took, what went wrong, and the prober that asks for an upload's status meanwhile.

package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Latencies are durations seen by many goroutines.
type Latencies struct {
	lock    sync.Mutex
	all     []time.Duration
	started []*Upload
}

// Add counts one.
func (l *Latencies) Add(one time.Duration) {
	l.lock.Lock()
	l.all = append(l.all, one)
	l.lock.Unlock()
}

// Count is how many there are.
func (l *Latencies) Count() int {
	l.lock.Lock()
	defer l.lock.Unlock()
	return len(l.all)
}

// Milliseconds at the 50th, 99th and 100th percentile.
func (l *Latencies) Milliseconds() map[string]float64 {
	l.lock.Lock()
	defer l.lock.Unlock()
	if len(l.all) == 0 {
		return nil
	}
	slices.Sort(l.all)
	at := func(share float64) float64 {
		return float64(l.all[min(int(share*float64(len(l.all))), len(l.all)-1)].Microseconds()) / 1000
	}
	return map[string]float64{"p50": at(0.50), "p99": at(0.99), "max": at(1)}
}

// seen remembers an upload that the server knows, for the prober.
func (l *Latencies) seen(upload *Upload) {
	l.lock.Lock()
	l.started = append(l.started, upload)
	l.lock.Unlock()
}

func (l *Latencies) turn(n int) *Upload {
	l.lock.Lock()
	defer l.lock.Unlock()
	if len(l.started) == 0 {
		return nil
	}
	return l.started[n%len(l.started)]
}

// probe asks for the status of the uploads in turn, at a fixed rate, while `work` runs.
//
// Each request has a connection of its own at its time, as people's have, so a slow answer neither delays the next
// question nor hides how slow that one is. Its latency counts from the moment when it was due.
func (r *Run) probe(work func()) *Latencies {
	looks, done, over := &Latencies{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		if r.probes == 0 {
			return
		}
		idle := sync.Pool{New: func() any { return &Conn{address: r.address} }}
		var all sync.WaitGroup
		defer all.Wait()
		every := time.Duration(float64(time.Second) / r.probes)
		due := time.Now()
		for n := 0; ; n++ {
			due = due.Add(every)
			select {
			case <-done:
				return
			case <-time.After(time.Until(due)):
			}
			if upload := r.latency.turn(n); upload != nil {
				all.Add(1)
				go func(due time.Time) {
					defer all.Done()
					conn := idle.Get().(*Conn)
					defer idle.Put(conn)
					r.look(conn, upload, due, looks)
				}(due)
			}
		}
	}()
	work()
	close(done)
	<-over
	return looks
}

// look asks once for the status of an upload.
func (r *Run) look(conn *Conn, upload *Upload, due time.Time, looks *Latencies) {
	method, path := r.dialect.Look(upload)
	headers := ""
	if method == "HEAD" {
		headers = tusVersion
	}
	answer, err := conn.Do(method, path, headers, Pace{})
	if err := expect(answer, err, 200, 204); err != nil {
		r.faults.Add(fmt.Errorf("status: %w", err))
		return
	}
	looks.Add(time.Since(due))
}

// Faults counts errors and keeps the first.
type Faults struct {
	lock  sync.Mutex
	count int
	first string
}

// Add counts one.
func (f *Faults) Add(err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.count == 0 {
		f.first = err.Error()
	}
	f.count++
}

// Count is how many there were.
func (f *Faults) Count() int {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.count
}

// First is what the first one said.
func (f *Faults) First() string {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.first
}
