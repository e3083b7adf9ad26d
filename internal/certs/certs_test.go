package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/internal/certs"
)

func open(t *testing.T, dir string) *certs.Files {
	t.Helper()
	f, err := certs.Open(filepath.Join(dir, certs.CertificateFile), filepath.Join(dir, certs.KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func serve(t *testing.T, f *certs.Files) *x509.Certificate {
	t.Helper()
	c, err := f.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestMake(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "tls"), time.Now()
	for range 2 { // the second time the authority is there
		if err := certs.Make(dir, []string{"rec.test", "127.0.0.1", "::1"}, now); err != nil {
			t.Fatal(err)
		}
	}
	pem, err := os.ReadFile(filepath.Join(dir, certs.AuthorityFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	leaf := serve(t, open(t, dir))
	for _, host := range []string{"rec.test", "127.0.0.1", "::1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.test"}); err == nil {
		t.Error("good for another host")
	}
	for _, name := range []string{certs.KeyFile, certs.AuthorityKeyFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if err := certs.Make(dir, nil, now); err == nil {
		t.Error("a certificate for nobody")
	}
}

// A certificate that is renewed is served without a restart; one that is half
// written is not.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(certs.Make(dir, []string{"a.test"}, time.Now()))
		f := open(t, dir)
		first := serve(t, f)
		must(os.WriteFile(filepath.Join(dir, certs.CertificateFile), []byte("half"), 0o600))
		time.Sleep(time.Minute)
		if got := serve(t, f); !got.Equal(first) || f.Err() == nil {
			t.Errorf("with half a file: %v, %v", got.Subject, f.Err())
		}
		must(certs.Make(dir, []string{"b.test"}, time.Now()))
		time.Sleep(time.Minute)
		if got := serve(t, f); got.Subject.CommonName != "b.test" || f.Err() != nil {
			t.Errorf("after renewal: %v, %v", got.Subject, f.Err())
		}
	})
}

func TestOpenFails(t *testing.T) {
	if _, err := certs.Open("nothing", "nowhere"); err == nil {
		t.Error("opened")
	}
}

var _ = tls.Config{GetCertificate: (*certs.Files)(nil).GetCertificate}
