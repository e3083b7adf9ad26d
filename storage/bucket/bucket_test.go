package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/servertest"
	"github.com/callreel/callreel/storage"
	"github.com/callreel/callreel/storage/bucket"
	"github.com/callreel/callreel/storage/storagetest"
)

func open(tb testing.TB, location string) storage.Store {
	tb.Helper()
	st, err := bucket.Open(tb.Context(), location)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	})
	return st
}

// conform runs the suite against a server: in buckets, and below a path of one.
func conform(t *testing.T, s *servertest.Server) {
	storagetest.Run(t, func(tb testing.TB) storage.Store { return open(tb, s.Bucket()) })
	t.Run("Path", func(t *testing.T) {
		at := s.Bucket()
		below := open(t, addPath(at, "/calls/2026/"))
		if _, err := below.Put(t.Context(), "rec/0.mp4", strings.NewReader("media"), "video/mp4"); err != nil {
			t.Fatal(err)
		}
		obj, err := open(t, at).Open(t.Context(), "calls/2026/rec/0.mp4")
		if err != nil {
			t.Fatal(err)
		}
		if err := obj.Close(); err != nil || obj.Size != 5 {
			t.Errorf("%+v, %v", obj.Info, err)
		}
		for info, err := range below.List(t.Context(), "") {
			if err != nil || info.Key != "rec/0.mp4" {
				t.Errorf("%+v, %v", info, err)
			}
		}
	})
	t.Run("Absent", func(t *testing.T) {
		_, err := bucket.Open(t.Context(), s.Location("nothing-here"))
		if err == nil || fault.Of(err) != fault.Destination {
			t.Errorf("%v must act on %v", fault.Of(err), err)
		}
	})
}

func addPath(location, path string) string {
	bare, query, _ := strings.Cut(location, "?")
	return bare + path + "?" + query
}

func TestS3(t *testing.T) { conform(t, servertest.S3(t)) }

func TestAzure(t *testing.T) { conform(t, servertest.Azure(t)) }

func TestGoogle(t *testing.T) { conform(t, servertest.Google(t)) }

// Beyond a part's size an object goes up in parts.
func TestParts(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *servertest.Server{
		"S3": servertest.S3, "Azure": servertest.Azure, "Google": servertest.Google,
	} {
		t.Run(name, func(t *testing.T) {
			st := open(t, start(t).Bucket())
			text := strings.Repeat("0123456789abcdef", 3<<20) + "end"
			info, err := st.Put(t.Context(), "rec/0.mp4", strings.NewReader(text), "video/mp4")
			if err != nil || info.Size != int64(len(text)) {
				t.Fatalf("%+v, %v", info, err)
			}
			obj, err := st.Open(t.Context(), "rec/0.mp4")
			if err != nil {
				t.Fatal(err)
			}
			tail := make([]byte, 5)
			_, err = obj.Seek(-5, 2)
			if err == nil {
				_, err = obj.Read(tail[:1])
			}
			if err := errors.Join(err, obj.Close()); err != nil || tail[0] != 'e' {
				t.Errorf("%q, %v", tail, err)
			}
		})
	}
}

func TestDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b")
	storagetest.Run(t, func(tb testing.TB) storage.Store { return open(tb, filepath.Join(tb.TempDir(), "x")) })
	for _, location := range []string{dir, "file://" + dir, "file://localhost" + dir, "file://" + strings.ReplaceAll(dir, " ", "%20")} {
		if _, err := open(t, location).Put(t.Context(), "a", strings.NewReader("x"), ""); err != nil {
			t.Error(err)
		}
		if err := os.Remove(filepath.Join(dir, "a")); err != nil {
			t.Errorf("%s: %v", location, err)
		}
	}
}

func TestLocations(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "no.json"))
	for location, itself := range map[string]bool{ // whether it is wrong whatever the settings are
		"":                                   true,
		"ftp://host/dir":                     true,
		"mem://":                             true,
		"file://host/dir":                    true,
		"file:///dir?a=b":                    true,
		"file://.":                           true,
		"s3://":                              true,
		"s3:///recordings":                   true,
		"s3://bucket/a/../b":                 true,
		"s3://bucket#x":                      true,
		"s3://key:secret@bucket":             true,
		"s3://bucket\n":                      true,
		"s3://bucket?nonsense=1":             false,
		"s3://bucket?use_path_style=perhaps": false,
		"azblob://container":                 false, // no account
		"azblob://container?protocol=gopher": false,
		"gs://bucket":                        false, // no credentials
		"gs://bucket?nonsense=1":             false,
	} {
		st, err := bucket.Open(t.Context(), location)
		if err == nil {
			t.Errorf("%q is opened as %v", location, st)
			continue
		}
		if fault.Of(err) != fault.Caller || errors.Is(err, bucket.ErrLocation) != itself || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v must act on %v", location, fault.Of(err), err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	_, err := bucket.Open(t.Context(), "s3://bucket?region=us-east-1&use_path_style=true&endpoint=http://127.0.0.1:1")
	if err == nil || fault.Of(err) != fault.Destination {
		t.Errorf("%v must act on %v", fault.Of(err), err)
	}
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "callreel")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()
	// Or "s3://recordings?region=eu-central-1", for instance.
	st, err := bucket.Open(ctx, "file://"+dir)
	if err != nil {
		panic(err)
	}
	_, err = st.Put(ctx, "rec-1/0.mp4", strings.NewReader("media"), "video/mp4")
	fmt.Println(errors.Join(err, st.Close()))
	// Output: <nil>
}
