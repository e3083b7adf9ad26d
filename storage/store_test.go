package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/storage"
	"github.com/callreel/callreel/storage/storagetest"
)

func newDir(tb testing.TB) storage.Store {
	return storage.Dir(filepath.Join(tb.TempDir(), "not", "there", "yet"))
}

func TestDir(t *testing.T) {
	storagetest.Run(t, newDir)
	t.Run("Large", func(t *testing.T) { storagetest.Large(t, newDir) })
}

func TestMemBucket(t *testing.T) {
	storagetest.Run(t, func(tb testing.TB) storage.Store { return fromBucket(tb, memblob.OpenBucket(nil)) })
}

// Without metadata files there is no MD5, so what is stored is read back.
func TestBucketWithoutMD5(t *testing.T) {
	b, err := fileblob.OpenBucket(t.TempDir(), &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		t.Fatal(err)
	}
	st := fromBucket(t, b)
	for _, text := range []string{"", "media"} {
		if info, err := st.Put(t.Context(), "rec/0.mp4", strings.NewReader(text), ""); err != nil || info.Size != int64(len(text)) {
			t.Errorf("%q is stored as %+v, %v", text, info, err)
		}
	}
}

// changing has other content the second time that it is read.
type changing struct{ *strings.Reader }

func (c changing) Seek(offset int64, whence int) (int64, error) {
	if c.Len() == 0 {
		c.Reset("MEDIA")
	}
	return c.Reader.Seek(offset, whence)
}

func TestContentThatChangesIsNotStored(t *testing.T) {
	st := fromBucket(t, memblob.OpenBucket(nil))
	if _, err := st.Put(t.Context(), "a", changing{strings.NewReader("media")}, ""); err == nil {
		t.Error("stored although it changed")
	}
	if err := openErr(t, st); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
}

func fromBucket(tb testing.TB, b *blob.Bucket) storage.Store {
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return storage.FromBucket(b, storage.BucketOptions{})
}

func spoolFile(t *testing.T, dir, text string) *os.File {
	t.Helper()
	f, err := storage.NewSpool(dir).Create("rec", "0.mp4")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDirAdoptsFiles(t *testing.T) {
	base := t.TempDir()
	f := spoolFile(t, filepath.Join(base, "spool"), "media")
	st := storage.Dir(filepath.Join(base, "store"))
	for range 2 {
		if _, err := st.Put(t.Context(), "a/b/c.mp4", f, ""); err != nil {
			t.Fatal(err)
		}
	}
	want, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(filepath.Join(base, "store", "a", "b", "c.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(got, want) {
		t.Error("the file was copied")
	}
	checkNoTemporary(t, filepath.Join(base, "store"))
}

func TestDirCleansUp(t *testing.T) {
	dir := t.TempDir()
	st := storage.Dir(dir)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := st.Put(ctx, "a", cancelling{strings.NewReader("media"), cancel}, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := st.Put(t.Context(), "a", strings.NewReader("media"), ""); err != nil {
		t.Error(err)
	}
	if _, err := st.Put(t.Context(), "a/b", strings.NewReader("media"), ""); err == nil {
		t.Error("a file became a directory")
	}
	checkNoTemporary(t, dir)
}

// cancelling ends a context while it is read.
type cancelling struct {
	*strings.Reader
	cancel func()
}

func (c cancelling) Read(p []byte) (int, error) {
	c.cancel()
	return c.Reader.Read(p)
}

func checkNoTemporary(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "~*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

// A name that means something else by now must not be stored for the file.
func TestDirDoesNotAdoptAnotherFile(t *testing.T) {
	for name, replace := range map[string]func(string) error{
		"file": func(p string) error { return os.WriteFile(p, []byte("other"), 0o600) },
		"link": func(p string) error { return os.Symlink("/etc/hostname", p) },
	} {
		base := t.TempDir()
		f := spoolFile(t, base, "media")
		if err := errors.Join(os.Remove(f.Name()), replace(f.Name())); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(base, "store")
		info, err := storage.Dir(dir).Put(t.Context(), "a", f, "")
		if err != nil || info.Size != 5 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || string(b) != "media" {
			t.Errorf("%s: stored %q, %v", name, b, err)
		}
		checkNoTemporary(t, dir)
	}
}

func TestDirStaysInside(t *testing.T) {
	base := t.TempDir()
	secret := filepath.Join(base, "secret")
	dir := filepath.Join(base, "store")
	if err := errors.Join(os.Mkdir(secret, 0o700), os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(secret, "a"), nil, 0o600),
		os.Symlink(secret, filepath.Join(dir, "out"))); err != nil {
		t.Fatal(err)
	}
	st := storage.Dir(dir)
	if _, err := st.Open(t.Context(), "out/a"); err == nil {
		t.Error("opened a file outside")
	}
	if _, err := st.Put(t.Context(), "out/b", strings.NewReader("x"), ""); err == nil {
		t.Error("stored a file outside")
	}
	_ = st.Delete(t.Context(), "out/a")
	_ = st.Delete(t.Context(), "out")
	if _, err := os.Stat(filepath.Join(secret, "a")); err != nil {
		t.Errorf("deleted a file outside: %v", err)
	}
}

func TestFaults(t *testing.T) {
	notADir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notADir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := memblob.OpenBucket(nil)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	gone := spoolFile(t, t.TempDir(), "media")
	unreadable, err := os.OpenFile(gone.Name(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unreadable.Close() }()
	mem := fromBucket(t, memblob.OpenBucket(nil))
	for name, c := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"directory is a file": {putErr(t, storage.Dir(notADir)), fault.Destination},
		"bucket is closed":    {putErr(t, storage.FromBucket(closed, storage.BucketOptions{})), fault.Destination},
		"bad key":             {mem.Delete(t.Context(), ".."), fault.Caller},
		"absent":              {openErr(t, mem), fault.Caller},
		"absent file":         {openErr(t, newDir(t)), fault.Caller},
		"unreadable file":     {second(mem.Put(t.Context(), "a", unreadable, "")), fault.Internal},
	} {
		if c.err == nil || fault.Of(c.err) != c.want {
			t.Errorf("%s: %v must act on %v", name, fault.Of(c.err), c.err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func putErr(t *testing.T, st storage.Store) error {
	return second(st.Put(t.Context(), "a", strings.NewReader("x"), ""))
}

func openErr(t *testing.T, st storage.Store) error {
	return second(st.Open(t.Context(), "a"))
}

func Example() {
	base, err := os.MkdirTemp("", "callreel")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(base) }()
	ctx := context.Background()
	spool, st := storage.NewSpool(filepath.Join(base, "spool")), storage.Dir(filepath.Join(base, "store"))

	f, err := spool.Create("rec-1", "0.mp4")
	if err != nil {
		panic(err)
	}
	_, werr := f.WriteString("media")
	receipt, perr := st.Put(ctx, "rec-1/0.mp4", f, "video/mp4")
	if err := errors.Join(werr, perr, f.Close()); err != nil {
		panic(err)
	}
	left, err := spool.Remove("rec-1", map[string]storage.Info{"0.mp4": receipt})
	fmt.Println(receipt.Key, receipt.Size, left, err)
	// Output: rec-1/0.mp4 5 [] <nil>
}
