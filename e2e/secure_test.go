package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/callreel/callreel/internal/simulate"
)

// contentName is a host from which the newest SDKs download.
const contentName = "recordings.asm.skype.com"

// webhookFlags let a server call webhooks on this machine.
var webhookFlags = []string{"--webhook-network", "127.0.0.0/8"}

// secure is a server of https that has a certificate of a private authority.
type secure struct {
	*server
	dir     string // with the certificate
	content string // what the addresses of files begin with
}

// serveTLS runs a server of https until the test ends. Nothing is open: publishers
// need tokens. With contentName it says that files are at the host of that name.
func serveTLS(t *testing.T, content string) secure {
	t.Helper()
	dir, data := t.TempDir(), t.TempDir()
	callreel(t, "cert", "--dir", dir, "127.0.0.1", contentName)
	args := []string{"serve", "--data", data, "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"), "--listen"}
	if content == "" {
		args = append(args, "127.0.0.1:0")
	} else {
		port := freeTCPPort(t)
		content = "https://" + net.JoinHostPort(content, port)
		args = append(args, net.JoinHostPort("127.0.0.1", port), "--content-base-url", content)
	}
	s := secure{start(t, data, exec.Command(program, append(args, webhookFlags...)...)), dir, content}
	if s.content == "" {
		s.content = s.url
	}
	s.http = s.trusting()
	t.Cleanup(s.http.CloseIdleConnections)
	return s
}

// trusting returns a client that trusts the private authority.
func (s secure) trusting() *http.Client {
	s.t.Helper()
	ca, err := os.ReadFile(filepath.Join(s.dir, "ca.pem"))
	must(s.t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		s.t.Fatal("no certificate in ca.pem")
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}

// accessKey returns the key that the server made, in Base64.
func (s secure) accessKey() string {
	s.t.Helper()
	key, err := os.ReadFile(filepath.Join(s.data, "access-key"))
	must(s.t, err)
	return strings.TrimSpace(string(key))
}

// settings are the environment of programs that use the server, or what stands in
// its place, for a call.
func (s secure) settings(call, at string) []string {
	return []string{
		"NODE_EXTRA_CA_CERTS=" + filepath.Join(s.dir, "ca.pem"),
		"CONNECTION_STRING=endpoint=" + at + "/;accesskey=" + s.accessKey(),
		"TOKEN=" + s.token,
		"CALL=" + call,
		"CONTENT=" + s.content,
		"NAME=" + contentName,
		"OWN=" + at,
		"CALLREEL=" + program,
		"DATA=" + s.data,
	}
}

// joinWithToken lets a simulated participant join.
func (s secure) joinWithToken(call string, cfg simulate.Config) {
	s.t.Helper()
	cfg.HTTPClient = s.http
	cfg.Token = strings.TrimSpace(s.command("token", "--data", s.data, "--conversation", call, "--participant", fmt.Sprint("simulated-", cfg.Index)))
	s.join(call, cfg)
}

// freeTCPPort returns a port that was free a moment ago.
func freeTCPPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, errors.Join(err, l.Close()))
	return port
}

// forgetful stands between clients and a server. It loses the first answer to each
// kind of request, which the server has carried out by then.
type forgetful struct {
	url string

	mu    sync.Mutex
	lost  map[string]bool // by method and path
	first string          // the body of the first answer
}

func (s secure) behindForgetful() *forgetful {
	s.t.Helper()
	f := &forgetful{lost: make(map[string]bool)}
	to, err := url.Parse(s.url)
	must(s.t, err)
	cert, err := tls.LoadX509KeyPair(filepath.Join(s.dir, "cert.pem"), filepath.Join(s.dir, "key.pem"))
	must(s.t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	must(s.t, err)
	proxy := &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // which is signed
		},
		Transport:      s.http.Transport,
		ModifyResponse: f.lose,
	}}
	var served sync.WaitGroup
	served.Go(func() { _ = proxy.Serve(listener) }) // until it is closed
	s.t.Cleanup(func() {
		_ = proxy.Close()
		served.Wait()
	})
	f.url = "https://" + listener.Addr().String()
	return f
}

// lose cuts the connection instead of passing on an answer.
func (f *forgetful) lose(res *http.Response) error {
	kind := res.Request.Method + " " + res.Request.URL.Path
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost[kind] {
		return nil
	}
	f.lost[kind] = true
	if f.first == "" {
		var body bytes.Buffer
		_, _ = body.ReadFrom(res.Body)
		f.first = body.String()
	}
	panic(http.ErrAbortHandler)
}

// answered returns the body of the first answer.
func (f *forgetful) answered() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

// keyBytes is the access key itself.
func (s secure) keyBytes() []byte {
	s.t.Helper()
	key, err := base64.StdEncoding.DecodeString(s.accessKey())
	must(s.t, err)
	return key
}
