package whip_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
)

const (
	sdpType  = "application/sdp"
	fragType = "application/trickle-ice-sdpfrag"
)

// sampleOffer is one of audio and VP8 video, as small as it can be.
const sampleOffer = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=fingerprint:sha-256 0F:74:31:25:CB:A2:13:EC:28:6F:6D:2C:61:FF:5D:C2:BC:B9:DB:3D:98:14:8D:1A:BB:EA:33:0C:A4:60:A8:8E
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdef012345
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=sendonly
a=setup:actpass
a=rtcp-mux
a=rtpmap:111 OPUS/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:1
a=sendonly
a=setup:actpass
a=rtcp-mux
a=rtpmap:96 VP8/90000
`

func replace(old, with string) string { return strings.ReplaceAll(sampleOffer, old, with) }

func TestPostStatus(t *testing.T) {
	f := serve(t, func(c *whip.Config) {
		c.MaxSessions = 1
		c.Sink = func(_ context.Context, conversation string) (ingest.Sink, error) {
			switch conversation {
			case "gone":
				return nil, whip.ErrNotFound
			case "busy":
				return nil, fmt.Errorf("overload: %w", whip.ErrUnavailable)
			case "broken":
				return nil, errors500
			}
			return newSink(), nil
		}
	})
	for _, c := range []struct {
		name, path, offer string
		header            string // key: value
		want              int
	}{
		{"wrong type", ann, sampleOffer, "Content-Type: text/plain", 415},
		{"no type", ann, sampleOffer, "Content-Type: ", 415},
		{"wrong accept", ann, sampleOffer, "Accept: text/html", 406},
		{"refused accept", ann, sampleOffer, "Accept: application/sdp;q=0.0", 406},
		{"nobody", "/whip/room", sampleOffer, "", 401},
		{"mallory", "/whip/room?participant=mallory", sampleOffer, "", 403},
		{"control character", "/whip/room?participant=a%00", sampleOffer, "", 400},
		{"long ID", "/whip/" + strings.Repeat("x", 257) + "?participant=ann", sampleOffer, "", 400},
		{"not UTF-8", "/whip/%ff?participant=ann", sampleOffer, "", 400},
		{"no conversation", "/whip/?participant=ann", sampleOffer, "", 404},
		{"gone", "/whip/gone?participant=ann", sampleOffer, "", 404},
		{"busy", "/whip/busy?participant=ann", sampleOffer, "", 503},
		{"broken", "/whip/broken?participant=ann", sampleOffer, "", 500},
		{"too large", ann, strings.Repeat("a=x\n", 20<<10), "", 413},
		{"empty", ann, "", "", 400},
		{"no SDP", ann, "hello", "", 400},
		{"no media", ann, sampleOffer[:strings.Index(sampleOffer, "m=")], "", 422},
		{"no credentials", ann, replace("a=ice-pwd", "a=x"), "", 400},
		{"short ufrag", ann, replace("ufrag:abcd", "ufrag:abc"), "", 400},
		{"no fingerprint", ann, replace("a=fingerprint", "a=x"), "", 400},
		{"mid twice", ann, replace("mid:1", "mid:0"), "", 400},
		{"many candidates", ann, sampleOffer + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n", 129), "", 400},
		{"many sections", ann, sampleOffer + strings.Repeat("m=audio 0 RTP/AVP 0\n", 16), "", 422},
		{"recvonly", ann, replace("sendonly", "recvonly"), "", 422},
		{"inactive", ann, replace("sendonly", "inactive"), "", 422},
		{"one recvonly", ann, strings.Replace(sampleOffer, "sendonly", "recvonly", 1), "", 422},
		{"passive", ann, replace("actpass", "passive"), "", 422},
		{"no bundle", ann, replace("a=group", "a=x"), "", 422},
		{"unknown codecs", ann, strings.NewReplacer("OPUS", "SPEEX", "VP8", "THEORA").Replace(sampleOffer), "", 422},
		{"good", ann, sampleOffer, "", 201},
		{"full", "/whip/room?participant=bob", sampleOffer, "", 503},
		{"same again", ann, sampleOffer, "Accept: text/html, application/*;q=0.5", 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			header := []string{"Content-Type", sdpType}
			if key, value, ok := strings.Cut(c.header, ": "); ok {
				header = append(header, key, value)
			}
			checkAnswer(t, f.do(t, http.MethodPost, c.path, c.offer, header...), c.want)
		})
	}
}

var errors500 = fmt.Errorf("secret detail")

// checkAnswer checks what every answer has, and that an error is one that a
// publisher can read.
func checkAnswer(t *testing.T, res reply, want int) {
	t.Helper()
	if res.StatusCode != want {
		t.Fatalf("%s: %s", res.Status, res.body)
	}
	if res.Header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "ETag, Link, Location") {
		t.Errorf("CORS headers %v", res.Header)
	}
	if res.StatusCode < 400 {
		return
	}
	var body struct{ Code, Message string }
	if err := json.Unmarshal([]byte(res.body), &body); err != nil || body.Code == "" || body.Message == "" {
		t.Errorf("body %q: %v", res.body, err)
	}
	if strings.Contains(res.body, "secret") {
		t.Errorf("body %q", res.body)
	}
	if _, err := strconv.Atoi(res.Header.Get("Retry-After")); (err == nil) != (want == 503) {
		t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
	}
	if (res.Header.Get("WWW-Authenticate") != "") != (want == 401) {
		t.Errorf("WWW-Authenticate %q", res.Header.Get("WWW-Authenticate"))
	}
	if (res.Header.Get("Allow") != "") != (want == 405) {
		t.Errorf("Allow %q", res.Header.Get("Allow"))
	}
}

func TestAnswer(t *testing.T) {
	f := serve(t, func(c *whip.Config) {
		c.ICEServers = []whip.ICEServer{
			{URL: "stun:stun.example.com"},
			{URL: "turn:turn.example.com?transport=udp", Username: "u", Credential: `p"w`},
		}
	})
	// A sendrecv section is answered recvonly, and one that has no known codec
	// is rejected alone.
	offer := strings.Replace(replace("VP8", "THEORA"), "sendonly", "sendrecv", 1)
	res := f.do(t, http.MethodPost, ann, offer, "Content-Type", sdpType)
	checkAnswer(t, res, 201)
	for _, want := range []string{"a=recvonly\r\n", "a=setup:passive\r\n", "a=candidate:", "a=end-of-candidates", "m=video 0 ", "OPUS/48000/2"} {
		if !strings.Contains(res.body, want) {
			t.Errorf("no %q in answer:\n%s", want, res.body)
		}
	}
	for key, want := range map[string]string{
		"Content-Type": sdpType, "Accept-Patch": fragType, "Cache-Control": "no-store",
		"Link": `<stun:stun.example.com>; rel="ice-server"|<turn:turn.example.com?transport=udp>; rel="ice-server"; username="u"; credential="p\"w"; credential-type="password"`,
	} {
		if got := strings.Join(res.Header.Values(key), "|"); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if l := res.Header.Get("Location"); !strings.HasPrefix(l, "/whip/room/") || !strings.HasSuffix(l, "?participant=ann&name=Ann") {
		t.Errorf("Location %s", l)
	}
	if tag := res.Header.Get("ETag"); len(tag) < 10 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		t.Errorf("ETag %s", tag)
	}
}

func TestSessionStatus(t *testing.T) {
	f := serve(t, nil)
	post := f.do(t, http.MethodPost, ann, sampleOffer, "Content-Type", sdpType)
	checkAnswer(t, post, 201)
	location, etag := post.Header.Get("Location"), post.Header.Get("ETag")
	other := strings.ReplaceAll(location, "participant=ann", "participant=bob")
	restart := "a=ice-ufrag:efgh\r\na=ice-pwd:0123456789abcdef012345\r\n"
	candidate := "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\n"

	for _, c := range []struct {
		name, method, path, body string
		contentType, match       string
		want                     int
	}{
		{"trickle", "PATCH", location, "a=ice-ufrag:abcd\na=ice-pwd:0123456789abcdef012345\nm=audio 9 RTP/AVP 0\na=mid:0\n" + candidate, fragType, etag, 204},
		{"end of candidates", "PATCH", location, "a=end-of-candidates\r\n", fragType, etag, 204},
		{"empty", "PATCH", location, "", fragType, etag, 204},
		{"wrong type", "PATCH", location, candidate, sdpType, etag, 415},
		{"no precondition", "PATCH", location, candidate, fragType, "", 428},
		{"other ETag", "PATCH", location, candidate, fragType, `"x"`, 412},
		{"no fragment", "PATCH", location, "hello", fragType, etag, 400},
		{"no candidate", "PATCH", location, "a=candidate:hello", fragType, etag, 400},
		{"short password", "PATCH", location, "a=ice-ufrag:efgh\na=ice-pwd:0\n", fragType, "*", 400},
		{"two users", "PATCH", location, restart + "a=ice-ufrag:ijkl", fragType, "*", 400},
		{"many candidates", "PATCH", location, strings.Repeat(candidate, 129), fragType, etag, 400},
		{"another's", "PATCH", other, candidate, fragType, etag, 403},
		{"nobody's", "PATCH", strings.Split(location, "?")[0], candidate, fragType, etag, 401},
		{"no session", "PATCH", "/whip/room/x?participant=ann", candidate, fragType, etag, 404},
		{"other conversation", "PATCH", strings.ReplaceAll(location, "room", "loft"), candidate, fragType, etag, 404},
		{"restart with the ETag", "PATCH", location, restart, fragType, etag, 200},
		{"former ETag", "PATCH", location, candidate, fragType, etag, 412},
		{"same credentials", "PATCH", location, restart, fragType, "*", 204},
		{"GET", "GET", location, "", "", "", 405},
		{"PUT", "PUT", location, "", "", "", 405},
		{"POST", "POST", location, sampleOffer, sdpType, "", 405},
		{"GET endpoint", "GET", ann, "", "", "", 405},
		{"DELETE endpoint", "DELETE", ann, "", "", "", 405},
		{"elsewhere", "GET", "/", "", "", "", 404},
		{"DELETE another's", "DELETE", other, "", "", "", 403},
		{"DELETE", "DELETE", location, "", "", "", 200},
		{"DELETE twice", "DELETE", location, "", "", "", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := f.do(t, c.method, c.path, c.body, "Content-Type", c.contentType, "If-Match", c.match)
			checkAnswer(t, res, c.want)
		})
	}
}

func TestOptions(t *testing.T) {
	f := serve(t, nil)
	res := f.do(t, http.MethodOptions, "/whip/room", "")
	checkAnswer(t, res, 204)
	for key, want := range map[string]string{
		"Accept-Post":                  sdpType,
		"Access-Control-Allow-Methods": "OPTIONS, POST",
		"Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
	} {
		if got := res.Header.Get(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}

// A GStreamer sender names sections "video0", writes codecs in upper case, and
// offers neither header extensions nor transport-wide feedback; older ones give
// a single section no mid at all.
func TestGStreamerOffer(t *testing.T) {
	video := sampleOffer[:strings.Index(sampleOffer, "m=")] + strings.ReplaceAll(sampleOffer[strings.Index(sampleOffer, "m=video"):], "a=setup:actpass", "a=setup:active")
	for name, offer := range map[string]string{
		"mid video0": strings.NewReplacer("mid:1", "mid:video0", "BUNDLE 0 1", "BUNDLE video0").Replace(video),
		"no mid":     strings.NewReplacer("a=mid:1\n", "", "a=group:BUNDLE 0 1\n", "").Replace(video),
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, nil)
			res := f.do(t, http.MethodPost, ann, offer, "Content-Type", sdpType)
			checkAnswer(t, res, 201)
			if !strings.Contains(res.body, "VP8/90000") || strings.Contains(res.body, "extmap:") ||
				strings.Contains(res.body, "a=group:BUNDLE") != strings.Contains(offer, "a=group:BUNDLE") {
				t.Errorf("answer:\n%s", res.body)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for name, edit := range map[string]func(*whip.Config){
		"no sink":        func(c *whip.Config) { c.Sink = nil },
		"no authorize":   func(c *whip.Config) { c.Authorize = nil },
		"ports":          func(c *whip.Config) { c.UDPPortMin, c.UDPPortMax = 2, 1 },
		"limit":          func(c *whip.Config) { c.MaxSessions = -1 },
		"public IP":      func(c *whip.Config) { c.PublicIPs = []string{"host"} },
		"ICE server":     func(c *whip.Config) { c.ICEServers = []whip.ICEServer{{URL: "http://x"}} },
		"ICE credential": func(c *whip.Config) { c.ICEServers = []whip.ICEServer{{URL: "turn:x", Username: "a\r\nb"}} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := whip.Config{
				Sink:      func(context.Context, string) (ingest.Sink, error) { return newSink(), nil },
				Authorize: authorize,
			}
			edit(&cfg)
			if _, err := whip.New(cfg); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestCloseRefusesMore(t *testing.T) {
	f := serve(t, nil)
	if err := f.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, f.do(t, http.MethodPost, ann, sampleOffer, "Content-Type", sdpType), 503)
}

func FuzzOffer(f *testing.F) {
	f.Add([]byte(sampleOffer))
	f.Add([]byte(replace("sendonly", "recvonly")))
	f.Add([]byte("v=0\nm=audio 9 RTP/AVP 0\n"))
	s, err := whip.New(whip.Config{
		Sink:      func(context.Context, string) (ingest.Sink, error) { return newSink(), nil },
		Authorize: authorize,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, offer []byte) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, ann, bytes.NewReader(offer))
		r.Header.Set("Content-Type", sdpType)
		s.ServeHTTP(w, r)
		switch {
		case w.Code == http.StatusCreated:
			r = httptest.NewRequest(http.MethodDelete, w.Header().Get("Location"), nil)
			w = httptest.NewRecorder()
			if s.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Errorf("DELETE: status %d", w.Code)
			}
		case w.Code < 400 || w.Code > 499:
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
}

func FuzzFragment(f *testing.F) {
	s, err := whip.New(whip.Config{
		Sink:      func(context.Context, string) (ingest.Sink, error) { return newSink(), nil },
		Authorize: authorize,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			f.Error(err)
		}
	})
	f.Add("a=ice-ufrag:efgh\r\na=ice-pwd:0123456789abcdef012345\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n")
	f.Add("m=audio 9 RTP/AVP 0\na=mid:0\na=end-of-candidates")
	f.Fuzz(func(t *testing.T, body string) {
		do := func(method, path, contentType, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("If-Match", "*")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			return w
		}
		post := do(http.MethodPost, ann, sdpType, sampleOffer)
		location := post.Header().Get("Location")
		defer do(http.MethodDelete, location, "", "")
		if w := do(http.MethodPatch, location, fragType, body); w.Code >= 500 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
}
