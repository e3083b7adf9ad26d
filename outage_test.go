package callreel_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/servertest"
	"github.com/callreel/callreel/storage/bucket"
)

// fuse is a connection to a server that breaks, with the server, in the middle of
// the first request that sends more than some bytes.
type fuse struct {
	listener net.Listener
	to       string
	limit    int64
	cut      func() // ends the server
	once     sync.Once
	broken   atomic.Bool
	all      sync.WaitGroup
}

func newFuse(t *testing.T, to string, limit int64, cut func()) *fuse {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &fuse{listener: l, to: to, limit: limit, cut: cut}
	w.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.all.Go(func() { w.join(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.all.Wait()
	})
	return w
}

// join connects a client with the server.
func (w *fuse) join(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	w.all.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	defer func() { _ = server.Close() }()
	if w.broken.Load() {
		_, _ = io.Copy(server, client)
		return
	}
	if n, _ := io.CopyN(server, client, w.limit); n == w.limit {
		w.once.Do(func() {
			w.broken.Store(true)
			w.cut()
		})
	}
}

// A server of object storage dies while it gets a chunk, and comes back.
func TestStoreDiesDuringAnUpload(t *testing.T) {
	s := servertest.S3(t)
	location := s.Bucket()
	_, direct, _ := strings.Cut(location, "endpoint=http://")
	w := newFuse(t, direct, 8<<10, s.Kill)
	st, err := bucket.Open(t.Context(), strings.Replace(location, direct, w.listener.Addr().String(), 1))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	events := new(teller)
	stored, ended := make(chan struct{}), make(chan struct{})
	eng, err := callreel.New(callreel.Config{Storage: st, Spool: filepath.Join(dir, "spool"), OnEvent: func(e callreel.Event) {
		events.take(e)
		switch e.Type {
		case callreel.Ended:
			close(ended)
		case callreel.Delivered:
			close(stored)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: dir, eng: eng}
	leave := r.join(person(r.conversation("room"), 1, time.Now()))
	rec := r.start(smallConfig("room"))
	<-time.After(6 * time.Second)
	leave()
	res, err := rec.Stop(context.Background())
	if err == nil || !w.broken.Load() {
		t.Fatalf("the upload of %d bytes was not cut off: %v", res.Chunks[0].Bytes, err)
	}
	<-ended
	if got := events.told(); got != "ChunkFailed Ended" {
		t.Errorf("told %s", got)
	}
	s.Start()
	select {
	case <-stored:
	case <-time.After(time.Minute):
		t.Fatalf("not delivered: %+v\n%s", eng.Deliveries(), s.Log())
	}
	if err := eng.Close(t.Context()); err != nil {
		t.Error(err)
	}
	obj, err := st.Open(t.Context(), res.Chunks[0].MediaKey)
	if err != nil {
		t.Fatal(err)
	}
	media, err := io.ReadAll(obj)
	if err != nil || int64(len(media)) != res.Chunks[0].Bytes {
		t.Errorf("%d of %d bytes, %v", len(media), res.Chunks[0].Bytes, err)
	}
	file := filepath.Join(dir, "0.mp4")
	if err := os.WriteFile(file, media, 0o600); err != nil {
		t.Fatal(err)
	}
	decode(t, file, small).lasts(res.Duration)
	if n, _, err := eng.SpoolSize(); err != nil || n != 0 {
		t.Errorf("%d bytes in the spool, %v", n, err)
	}
	if err := obj.Close(); err != nil {
		t.Error(err)
	}
	if err := st.Close(); err != nil {
		t.Error(err)
	}
}
