package control_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/internal/token"
)

// from sends a request of a remote address.
func (r *rig) from(remote, method, path, authorization string) answer {
	req := httptest.NewRequest(method, path, http.NoBody)
	req.RemoteAddr = remote
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return answer{w, r.t}
}

// Each client has a bucket of its own: a participant, a token, an access key,
// and for the others an address.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst = 4 // of two requests a second
		r := newRig(t, func(c *control.Config) { c.RateLimit = burst / 2 })
		ann := "Bearer " + r.sign(token.Claims{Scopes: []token.Scope{token.Read}, Participant: "ann"})
		annAgain := "Bearer " + r.sign(token.Claims{Scopes: []token.Scope{token.Read}, Participant: "ann", Expires: time.Now().Add(time.Minute)})
		bob := "Bearer " + r.sign(token.Claims{Scopes: []token.Scope{token.Read}, Participant: "bob"})
		spent := func(client string, remote, authorization string) {
			t.Helper()
			for range burst {
				if a := r.from(remote, "GET", "/recordings", authorization); a.Code == http.StatusTooManyRequests {
					t.Errorf("%s: %d", client, a.Code)
				}
			}
			a := r.from(remote, "GET", "/recordings", authorization)
			if a.Code != http.StatusTooManyRequests || a.Header().Get("Retry-After") != "1" || a.code() != "TooManyRequests" {
				t.Errorf("%s: %d, after %q s: %s", client, a.Code, a.Header().Get("Retry-After"), a.Body)
			}
		}
		spent("a participant", "192.0.2.1:1000", ann)
		if a := r.from("192.0.2.9:1000", "GET", "/recordings", annAgain); a.Code != http.StatusTooManyRequests {
			t.Errorf("the participant with another token at another address: %d", a.Code)
		}
		spent("another at the same address", "192.0.2.1:1000", bob)
		spent("nobody at that address", "192.0.2.1:2000", "")
		spent("nobody at another", "192.0.2.2:1000", "")
		spent("nobody in a network", "[2001:db8::1]:1000", "")
		if a := r.from("[2001:db8::ffff]:1", "GET", "/recordings", ""); a.Code != http.StatusTooManyRequests {
			t.Errorf("another address of the network: %d", a.Code)
		}
		for path, want := range map[string]string{
			"/calling/recordings/x": `{"error":{"code":"TooManyRequests"`,
			"/v1/objects/0-x":       `{"status":429,"message":`,
			"/whip/room":            `{"code":"TooManyRequests"`,
			"/call/room":            `{"code":"TooManyRequests"`,
		} {
			if a := r.from("192.0.2.1:1", "GET", path, ann); a.Code != http.StatusTooManyRequests || !strings.HasPrefix(a.Body.String(), want) {
				t.Errorf("%s: %d %s", path, a.Code, a.Body)
			}
		}
		if a := r.from("192.0.2.1:1", "GET", "/healthz", ""); a.Code != http.StatusOK {
			t.Errorf("health: %d", a.Code)
		}
		time.Sleep(time.Second)
		if a := r.from("192.0.2.1:1000", "GET", "/recordings", ann); a.Code != http.StatusOK {
			t.Errorf("a second later: %d", a.Code)
		}
		r.close()
	})
}

// Wrong credentials are limited by address, and whoever has good ones there is
// let in all the same.
func TestFailuresAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *control.Config) { c.RateLimit = 50 })
		const allowed = 10 // a fifth of that
		for i := range allowed + 1 {
			want := http.StatusUnauthorized
			if i == allowed {
				want = http.StatusTooManyRequests
			}
			if a := r.from("192.0.2.1:1000", "GET", "/recordings", fmt.Sprintf("Bearer wrong-%d", i)); a.Code != want {
				t.Errorf("attempt %d: %d, want %d", i, a.Code, want)
			}
		}
		if a := r.from("192.0.2.1:1000", "GET", "/recordings", "Bearer "+r.token); a.Code != http.StatusOK {
			t.Errorf("a good token: %d", a.Code)
		}
		if a := r.from("192.0.2.2:1000", "GET", "/recordings", "Bearer wrong"); a.Code != http.StatusUnauthorized {
			t.Errorf("another address: %d", a.Code)
		}
		r.close()
	})
}
