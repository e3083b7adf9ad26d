package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/certs"
)

func TestServeTLS(t *testing.T) {
	dir := t.TempDir()
	made := filepath.Join(dir, "tls")
	var out bytes.Buffer
	if status := run(t.Context(), []string{"cert", "127.0.0.1", "rec.test", "--dir", made}, &out, &out); status != 0 || !strings.Contains(out.String(), certs.AuthorityFile) {
		t.Fatalf("%d %s", status, out.String())
	}
	s := serve(t, dir, "--tls-cert", filepath.Join(made, certs.CertificateFile), "--tls-key", filepath.Join(made, certs.KeyFile))
	ca, err := os.ReadFile(filepath.Join(made, certs.AuthorityFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get(s.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != 200 || !strings.HasPrefix(s.url, "https://") {
		t.Errorf("%s: %d, %v", s.url, res.StatusCode, err)
	}
}

func TestTLSFlagsGoTogether(t *testing.T) {
	dir := t.TempDir()
	if err := certs.Make(dir, []string{"a.test"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if status := run(t.Context(), []string{"serve", "--data", dir, "--tls-cert", filepath.Join(dir, certs.CertificateFile)}, &out, &out); status != 2 {
		t.Errorf("%d %s", status, out.String())
	}
}
