// Package storagetest is the conformance suite of [storage.Store]. Whoever
// writes a store runs it; the package is of no use outside tests.
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/callreel/callreel/storage"
)

// Run checks a kind of store. Each call of open returns an empty one, which
// may clean up with tb.Cleanup.
func Run(t *testing.T, open func(tb testing.TB) storage.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, storage.Store)
	}{
		{"PutMakesVisible", putMakesVisible},
		{"PutTakesFiles", putTakesFiles},
		{"PutReadsFromTheStart", putReadsFromTheStart},
		{"PutReplaces", putReplaces},
		{"PutFails", putFails},
		{"PutIsCancelled", putIsCancelled},
		{"KeysAreChecked", keysAreChecked},
		{"AbsentObjects", absentObjects},
		{"ListInOrder", listInOrder},
		{"ListPrefix", listPrefix},
		{"Delete", deletePrefix},
		{"Seek", seek},
		{"ServeRanges", serveRanges},
		{"ReadingEndsWithContext", readingEndsWithContext},
		{"Concurrently", concurrently},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// Large checks that a sparse file of 5 GiB is stored and read by range. It is
// skipped in short mode.
func Large(t *testing.T, open func(tb testing.TB) storage.Store) {
	if testing.Short() {
		t.Skip("takes 5 GiB")
	}
	const size = 5 << 30
	f := newFile(t, "head")
	must(t, f.Truncate(size-4))
	_, err := f.WriteAt([]byte("tail"), size-4)
	must(t, err)
	st := open(t)
	info, err := st.Put(t.Context(), "big/0.mp4", f, "")
	must(t, err)
	if info.Size != size {
		t.Errorf("%d bytes are stored", info.Size)
	}
	rec := get(t, st, "big/0.mp4", "bytes=-4")
	if rec.Code != http.StatusPartialContent || rec.Body.String() != "tail" {
		t.Errorf("status %d, body %q", rec.Code, rec.Body)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func put(t *testing.T, st storage.Store, key, content string) storage.Info {
	t.Helper()
	info, err := st.Put(t.Context(), key, strings.NewReader(content), "text/plain")
	must(t, err)
	return info
}

func newFile(t *testing.T, content string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "source"))
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	_, err = f.WriteString(content)
	must(t, err)
	return f
}

func content(t *testing.T, st storage.Store, key string) string {
	t.Helper()
	obj, err := st.Open(t.Context(), key)
	must(t, err)
	b, err := io.ReadAll(obj)
	must(t, errors.Join(err, obj.Close()))
	return string(b)
}

func wantContent(t *testing.T, st storage.Store, key, want string) {
	t.Helper()
	if got := content(t, st, key); got != want {
		t.Errorf("%s has %.40q, want %.40q", key, got, want)
	}
}

func list(t *testing.T, st storage.Store, prefix string) []string {
	t.Helper()
	var keys []string
	for info, err := range st.List(t.Context(), prefix) {
		must(t, err)
		keys = append(keys, info.Key)
	}
	return keys
}

func wantList(t *testing.T, st storage.Store, prefix string, want ...string) {
	t.Helper()
	if got := list(t, st, prefix); !slices.Equal(got, want) {
		t.Errorf("below %q there are %q, want %q", prefix, got, want)
	}
}

func putMakesVisible(t *testing.T, st storage.Store) {
	want := put(t, st, "rec-1/0.mp4", "media")
	if want.Key != "rec-1/0.mp4" || want.Size != 5 || want.ModTime.IsZero() || !strings.HasPrefix(want.ETag, `"`) {
		t.Errorf("the receipt is %+v", want)
	}
	wantContent(t, st, "rec-1/0.mp4", "media")
	obj, err := st.Open(t.Context(), "rec-1/0.mp4")
	must(t, err)
	must(t, obj.Close())
	if obj.Info != want {
		t.Errorf("opened as %+v, stored as %+v", obj.Info, want)
	}
	put(t, st, "rec-1/empty", "")
	wantContent(t, st, "rec-1/empty", "")
	wantList(t, st, "", "rec-1/0.mp4", "rec-1/empty")
}

func putTakesFiles(t *testing.T, st storage.Store) {
	f := newFile(t, "media")
	for range 2 { // a second time as after a crash
		_, err := st.Put(t.Context(), "rec/0.mp4", f, "video/mp4")
		must(t, err)
		wantContent(t, st, "rec/0.mp4", "media")
		wantList(t, st, "", "rec/0.mp4")
	}
	must(t, os.Remove(f.Name()))
	wantContent(t, st, "rec/0.mp4", "media")
	_, err := st.Put(t.Context(), "rec/1.mp4", f, "video/mp4") // it has no name any more
	must(t, err)
	wantContent(t, st, "rec/1.mp4", "media")
}

func putReadsFromTheStart(t *testing.T, st storage.Store) {
	r := strings.NewReader("media")
	_, err := r.Seek(3, io.SeekStart)
	must(t, err)
	_, err = st.Put(t.Context(), "a", r, "")
	must(t, err)
	wantContent(t, st, "a", "media")
}

func putReplaces(t *testing.T, st storage.Store) {
	first := put(t, st, "a/b", "first, which is longer")
	second := put(t, st, "a/b", "second")
	wantContent(t, st, "a/b", "second")
	if first.ETag == second.ETag {
		t.Errorf("both have the tag %s", first.ETag)
	}
}

// broken fails after some bytes.
type broken struct {
	*strings.Reader
	good int
}

var errBroken = errors.New("disk is broken")

func (b *broken) Read(p []byte) (int, error) {
	if b.good <= 0 {
		return 0, errBroken
	}
	n, err := b.Reader.Read(p[:min(len(p), b.good)])
	b.good -= n
	return n, err
}

func putFails(t *testing.T, st storage.Store) {
	put(t, st, "old", "old")
	text := strings.Repeat("media", 1000)
	for _, good := range []int{0, 1, 4999, 5001, 9999, 10000} { // some fail in a second pass, if there is one
		for _, key := range []string{"new", "old"} {
			_, err := st.Put(t.Context(), key, &broken{strings.NewReader(text), good}, "")
			if good < len(text) && !errors.Is(err, errBroken) {
				t.Errorf("%d good bytes: %v", good, err)
			}
			if err == nil { // one pass is all that this store needs
				must(t, st.Delete(t.Context(), key))
				put(t, st, "old", "old")
			}
		}
		wantList(t, st, "", "old")
		wantContent(t, st, "old", "old")
	}
}

// cancelling ends a context while it is read.
type cancelling struct {
	*bytes.Reader
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	c.cancel()
	return c.Reader.Read(p[:min(len(p), 100)])
}

func putIsCancelled(t *testing.T, st storage.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 { // while it runs, and before
		_, err := st.Put(ctx, "a/b", &cancelling{bytes.NewReader(make([]byte, 1000)), cancel}, "")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	wantList(t, st, "")
}

func keysAreChecked(t *testing.T, st storage.Store) {
	long := strings.Repeat("x", 201)
	for _, key := range []string{
		"", ".", "..", "/", "/a", "a/", "a//b", "a/../b", "../a", "a/..", "a/./b", `a\b`, "a b",
		"a\x00", "ä", "~a", "a:b", "%2e%2e/a", "a\n", long, "a/" + long, strings.Repeat("x/", 512) + "x",
	} {
		_, put := st.Put(t.Context(), key, strings.NewReader("x"), "")
		_, open := st.Open(t.Context(), key)
		for op, err := range map[string]error{"put": put, "open": open, "delete": st.Delete(t.Context(), key)} {
			if !errors.Is(err, storage.ErrKey) {
				t.Errorf("%s %.40q: %v", op, key, err)
			}
		}
		for _, err := range st.List(t.Context(), key) {
			if key != "" && !errors.Is(err, storage.ErrKey) {
				t.Errorf("list %.40q: %v", key, err)
			}
		}
	}
	for _, key := range []string{"A-Z_0.9", ".a", "a..b", "...", long[:200] + "/b"} {
		put(t, st, key, key)
		wantContent(t, st, key, key)
	}
}

func absentObjects(t *testing.T, st storage.Store) {
	for range 2 { // in an empty store, and where there is something
		for _, key := range []string{"nothing", "a", "a/c", "a/b/c"} {
			if _, err := st.Open(t.Context(), key); !errors.Is(err, storage.ErrNotExist) || !errors.Is(err, os.ErrNotExist) {
				t.Errorf("open %s: %v", key, err)
			}
		}
		wantList(t, st, "nothing")
		must(t, st.Delete(t.Context(), "nothing"))
		put(t, st, "a/b", "x")
	}
}

func listInOrder(t *testing.T, st storage.Store) {
	keys := []string{"a-1", "a.b", "a/b", "a/b-c/d", "a/b.c", "a/c/d", "a/c/e", "a0", "b"}
	for _, i := range []int{4, 0, 8, 2, 6, 1, 7, 3, 5} {
		put(t, st, keys[i], keys[i])
	}
	wantList(t, st, "", keys...)
	for info, err := range st.List(t.Context(), "") {
		must(t, err)
		if info.Size != int64(len(info.Key)) || info.ModTime.IsZero() {
			t.Errorf("listed as %+v", info)
		}
		if info.Key == "a/b" {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range st.List(ctx, "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("with a cancelled context: %v", err)
		}
	}
}

func listPrefix(t *testing.T, st storage.Store) {
	for _, key := range []string{"rec/1/0", "rec/1/1", "rec/10/0", "rec/1.json", "other"} {
		put(t, st, key, key)
	}
	wantList(t, st, "rec/1", "rec/1/0", "rec/1/1")
	wantList(t, st, "rec/1/0", "rec/1/0")
	wantList(t, st, "re")
	wantList(t, st, "rec", "rec/1.json", "rec/1/0", "rec/1/1", "rec/10/0")
}

func deletePrefix(t *testing.T, st storage.Store) {
	for _, key := range []string{"rec/1/0", "rec/1/sub/1", "rec/10/0", "rec/2"} {
		put(t, st, key, key)
	}
	for range 2 {
		must(t, st.Delete(t.Context(), "rec/1"))
		wantList(t, st, "", "rec/10/0", "rec/2")
	}
	must(t, st.Delete(t.Context(), "rec/2"))
	wantList(t, st, "", "rec/10/0")
	put(t, st, "rec/1/0", "again")
	wantContent(t, st, "rec/1/0", "again")
}

func seek(t *testing.T, st storage.Store) {
	put(t, st, "a", "0123456789")
	obj, err := st.Open(t.Context(), "a")
	must(t, err)
	defer func() { must(t, obj.Close()) }()
	for _, c := range []struct {
		offset int64
		whence int
		want   string
	}{{7, io.SeekStart, "789"}, {-2, io.SeekEnd, "89"}, {-5, io.SeekCurrent, "56789"}, {0, io.SeekEnd, ""}, {5, io.SeekEnd, ""}} {
		_, err := obj.Seek(c.offset, c.whence)
		must(t, err)
		got, err := io.ReadAll(obj)
		must(t, err)
		if string(got) != c.want {
			t.Errorf("%d from %d: %q, want %q", c.offset, c.whence, got, c.want)
		}
	}
	if _, err := obj.Seek(-1, io.SeekStart); err == nil {
		t.Error("there is something before the start")
	}
}

func get(t *testing.T, st storage.Store, key, ranges string) *httptest.ResponseRecorder {
	t.Helper()
	obj, err := st.Open(t.Context(), key)
	must(t, err)
	defer func() { must(t, obj.Close()) }()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	req.Header.Set("Range", ranges)
	rec := httptest.NewRecorder()
	rec.Header().Set("ETag", obj.ETag)
	http.ServeContent(rec, req, "x.mp4", obj.ModTime, obj)
	return rec
}

func serveRanges(t *testing.T, st storage.Store) {
	put(t, st, "a", "0123456789")
	for ranges, want := range map[string]string{"bytes=0-1": "01", "bytes=8-": "89", "bytes=-3": "789", "": "0123456789"} {
		if rec := get(t, st, "a", ranges); rec.Body.String() != want {
			t.Errorf("%q: status %d, body %q", ranges, rec.Code, rec.Body)
		}
	}
	if rec := get(t, st, "a", "bytes=10-"); rec.Code != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("status %d behind the end", rec.Code)
	}
}

func readingEndsWithContext(t *testing.T, st storage.Store) {
	put(t, st, "a", "0123456789")
	ctx, cancel := context.WithCancel(t.Context())
	obj, err := st.Open(ctx, "a")
	must(t, err)
	cancel()
	if _, err := io.ReadAll(obj); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	must(t, obj.Close())
	if _, err := st.Open(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	if err := st.Delete(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("delete: %v", err)
	}
}

func concurrently(t *testing.T, st storage.Store) {
	text := strings.Repeat("0123456789", 1000)
	put(t, st, "rec/shared", text)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			own := fmt.Sprintf("rec/%d", i)
			_, err := st.Put(t.Context(), own, strings.NewReader(own), "")
			again, err2 := st.Put(t.Context(), "rec/shared", strings.NewReader(text), "")
			if err := errors.Join(err, err2); err != nil || again.Size != int64(len(text)) {
				t.Errorf("put: %v", err)
				return
			}
			if got := readAll(t, st, "rec/shared"); got != text {
				t.Errorf("read %d bytes", len(got))
			}
		})
	}
	all.Wait()
	if n := len(list(t, st, "rec")); n != 9 {
		t.Errorf("%d objects", n)
	}
}

// readAll is content for goroutines, which must not end the test.
func readAll(t *testing.T, st storage.Store, key string) string {
	obj, err := st.Open(t.Context(), key)
	if err != nil {
		t.Error(err)
		return ""
	}
	b, err := io.ReadAll(obj)
	if err := errors.Join(err, obj.Close()); err != nil {
		t.Error(err)
	}
	return string(b)
}
