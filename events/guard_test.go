package events

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestGuardAddresses(t *testing.T) {
	g := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for address, want := range map[string]string{ // the schemes that are allowed
		"8.8.8.8": "https", "2606:4700::1": "https", "1.1.1.1": "https", "172.15.0.1": "https", "172.32.0.1": "https",
		"10.1.2.3": "http https", "::ffff:10.1.2.3": "http https", "fd00:1::5": "http https",
		"10.2.0.1": "", "127.0.0.1": "", "127.9.9.9": "", "0.0.0.0": "", "0.1.2.3": "", "192.168.1.1": "", "172.16.0.1": "",
		"169.254.169.254": "", "100.64.0.1": "", "224.0.0.1": "", "255.255.255.255": "", "198.18.0.1": "", "192.0.2.1": "",
		"::1": "", "::": "", "fe80::1": "", "fe80::1%eth0": "", "fd00:2::1": "", "ff02::1": "", "::ffff:127.0.0.1": "",
		"64:ff9b::7f00:1": "", "2002:7f00:1::": "", "2001::1": "", "2001:db8::1": "", "fec0::1": "",
	} {
		for _, scheme := range []string{"http", "https"} {
			a := netip.MustParseAddr(address)
			in := strings.Contains(" "+want+" ", " "+scheme+" ")
			if g.allows(a, scheme) != in {
				t.Errorf("%s %s: allowed %v", scheme, address, !in)
			}
		}
	}
}

// Over real connections: what a name resolves to counts, not the name.
func TestGuardConnections(t *testing.T) {
	var reached atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}
	}))
	defer web.Close()
	at := func(host string) string { return strings.Replace(web.URL, "127.0.0.1", host, 1) }
	send := func(g Guard, url string) outcome {
		t.Helper()
		s := &sender{http: newClient(g.roundTripper())}
		defer s.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return s.send(ctx, http.MethodPost, url, http.Header{}, []byte("{}"))
	}
	for _, host := range []string{"127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::ffff:127.0.0.1]"} {
		if out := send(Guard{}, at(host)); out.err == nil || reached.Load() != 0 {
			t.Errorf("%s is reached", host)
		}
	}
	if out := send(Guard{}, web.URL); !errors.Is(out.err, ErrBlocked) || out.name != "Forbidden" || strings.Contains(out.err.Error(), "http://") {
		t.Errorf("%+v", out)
	}
	local := Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for path, status := range map[string]int{"/": 200, "/redirect": 302, "/endless": 200} {
		reached.Store(0)
		if out := send(local, web.URL+path); out.status != status || reached.Load() != 1 || len(out.body) > maxAnswer {
			t.Errorf("%s: %+v after %d requests", path, out.err, reached.Load())
		}
	}
}

// The example of the specification of Standard Webhooks.
func TestSignature(t *testing.T) {
	h := http.Header{}
	sub := Subscription{SigningKey: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	if err := sign(h, &sub, "msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0)); err != nil {
		t.Fatal(err)
	}
	if got, want := h.Get("Webhook-Signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
