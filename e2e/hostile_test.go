package e2e

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/simulate"
	"github.com/pion/webrtc/v4"
)

// Whatever strangers send, they are told what is wrong with it, and a recording
// of somebody else goes on as if nothing had happened.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	// Those who left leave no tiles: that would be more than are looked for.
	s := serveData(t, filepath.Join(root, "data"), fmt.Sprintf("--udp-mux-port=%d", freePort(t)), "--rejoin-grace=-1s", "--admission=off")
	good := camera(0, "vp8")
	good.FPS = 30
	seen := s.join("room", good)
	s.await("room", 2)
	r := s.start("room")
	pass(t, 2*time.Second)

	t.Run("control", func(t *testing.T) { s.refusals(t, r) })
	t.Run("whip", func(t *testing.T) { s.whipRefusals(t) })
	t.Run("participant", func(t *testing.T) {
		rng := rand.NewChaCha8([32]byte{1})
		for _, codec := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeH264, webrtc.MimeTypeVP9, webrtc.MimeTypeAV1} {
			p := s.newPublisher(codec)
			answer := p.publish("/whip/room?participant=babbler")
			p.babble(rng, 200)
			bombard(t, answer, rng, 500)
		}
	})
	t.Run("identity", func(t *testing.T) {
		for _, id := range []string{"../../etc", `a\b/c`, "..", "%2e%2e", "\u202e<script>"} {
			s.join("room", simulate.Config{ID: id, Name: id, Index: 9, Audio: "opus"}).waitConnected(t)
		}
	})
	path := s.start("..%2F..%2Fpasswd")
	pass(t, 2*time.Second)
	path.stop()
	if now := r.state(); now != "active" {
		t.Errorf("the recording is %s", now)
	}
	m := r.stop()
	m.lasts(r)
	undisturbed(t, m, seen)
	s.refuses(t, []refusal{
		{"POST", r.path + "/Pause", "", nil, 400, "8522"}, // has ended
		{"DELETE", r.path, "", nil, 200, ""},              // a stop may be repeated
	})
	checkBabble(t, r)
	checkFiles(t, root)
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func (g guest) waitConnected(t *testing.T) {
	t.Helper()
	eventually(t, func() (bool, string) { return g.Stats().AudioPackets > 0, g.Config().ID })
	g.leave()
}

// refusal is a request and how it must be refused.
type refusal struct {
	method, path, body string
	headers            []string
	status             int
	code               string
}

func (s *server) refuses(t *testing.T, list []refusal) {
	t.Helper()
	for _, r := range list {
		a := s.request(r.method, r.path, r.body, r.headers...)
		var e flatError
		if a.status == r.status && r.code != "" {
			decode(t, a.body, &e)
		}
		if a.status != r.status || e.Code != r.code || r.code != "" && e.Message == "" {
			t.Errorf("%s %.60s %.60q %q: %d %.200s, want %d %s", r.method, r.path, r.body, r.headers, a.status, a.body, r.status, r.code)
		}
		if strings.Contains(a.body, s.data) || strings.Contains(a.body, "goroutine") {
			t.Errorf("%s %.60s: the answer tells what is inside: %.200s", r.method, r.path, a.body)
		}
	}
}

// refusals are those of the control API.
func (s *server) refusals(t *testing.T, r *recording) {
	huge := strings.Repeat("x", 1<<20)
	deny := []string{"Authorization", ""}
	forged := []string{"Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzY29wZSI6ImNvbnRyb2wifQ."}
	s.refuses(t, []refusal{
		{"POST", "/conversations/room/Recordings", "", nil, 400, "8553"}, // runs already
		{"POST", "/conversations/other/Recordings", "{", nil, 400, "8523"},
		{"POST", "/conversations/other/Recordings", "\x00\xff\xfe", nil, 400, "8523"},
		{"POST", "/conversations/other/Recordings", strings.Repeat("[", 60000), nil, 400, "8523"},
		{"POST", "/conversations/other/Recordings", huge, nil, 413, "8523"},
		{"POST", "/conversations/%00/Recordings", "", nil, 400, "8523"},
		{"POST", "/conversations/" + huge[:2000] + "/Recordings", "", nil, 400, "8523"},
		{"POST", "/conversations/room/Recordings/none/Pause", "", nil, 400, "8522"},
		{"POST", "/conversations/other/Recordings/" + r.id + "/Pause", "", nil, 400, "8522"},
		{"DELETE", "/conversations/other/Recordings/" + r.id, "", nil, 400, "8522"},
		{"GET", "/conversations/room/Recordings/..%2F..%2Fetc", "", nil, 400, "8522"},
		{"DELETE", r.path, huge[:100000], nil, 400, "8523"},
		{"DELETE", r.path, "", deny, 401, "Denied"},
		{"DELETE", r.path, "", forged, 401, "Denied"},
		{"GET", "/recording/download/0-" + r.id, "", nil, 400, "8522"}, // not finished
		{"GET", "/recording/download/..%2F..%2Faccess-key", "", nil, 400, "8522"},
		{"GET", "/recording/download/0-..", "", nil, 400, "8522"},
		{"GET", "/recordings/..%2Faccess-key", "", nil, 404, "8522"},
		{"GET", "/recordings?limit=-1", "", nil, 400, "8523"},
		{"PUT", r.path, "", nil, 405, "8520"},
		{"GET", "/no/such/thing", "", nil, 404, "8522"},
		{"GET", "/../../etc/passwd", "", nil, 404, "8522"},
	})
}

// whipRefusals are those of WHIP.
func (s *server) whipRefusals(t *testing.T) {
	const room = "/whip/room?participant=eve"
	sdp := []string{"Authorization", "", "Content-Type", "application/sdp"}
	good := s.newPublisher(webrtc.MimeTypeVP8).offer
	unknown := strings.NewReplacer("VP8/", "XY1/", "VP9/", "XY2/", "H264/", "XY3/", "AV1/", "XY4/", "H265/", "XY5/",
		"opus/", "xy6/", " 9 0 8\r\n", "\r\n").Replace(good) // 9, 0 and 8 need no names
	s.refuses(t, []refusal{
		{"POST", room, "", sdp, 400, "BadRequest"},
		{"POST", room, "garbage", sdp, 400, "BadRequest"},
		{"POST", room, "\x00\xff" + good, sdp, 400, "BadRequest"},
		{"POST", room, good[:strings.Index(good, "m=video")+len("m=vid")], sdp, 400, "BadRequest"},
		{"POST", room, strings.ReplaceAll(good, "a=fingerprint", "a=nothing"), sdp, 400, "BadRequest"},
		{"POST", room, strings.ReplaceAll(good, "a=ice-ufrag", "a=nothing"), sdp, 400, "BadRequest"},
		{"POST", room, unknown, sdp, 422, "UnprocessableContent"},
		{"POST", room, strings.ReplaceAll(good, "a=sendonly", "a=recvonly"), sdp, 422, "UnprocessableContent"},
		{"POST", room, good + strings.Repeat("a=x\r\n", 1<<20), sdp, 413, "8523"},
		{"POST", room, good, []string{"Authorization", "", "Content-Type", "text/plain"}, 415, "UnsupportedMediaType"},
		{"POST", "/whip/room", good, sdp, 400, "BadRequest"}, // who?
		{"POST", "/whip/room?participant=%00", good, sdp, 400, "BadRequest"},
		{"POST", "/whip/room?participant=eve&role=king", good, sdp, 403, "Forbidden"},
		{"POST", "/whip/%00?participant=eve", good, sdp, 400, "BadRequest"},
		{"POST", room, good, []string{"Authorization", "Bearer nonsense", "Content-Type", "application/sdp"}, 401, "Unauthorized"},
		{"PATCH", "/whip/room/none?participant=eve", "garbage", []string{"Authorization", "", "Content-Type", "application/trickle-ice-sdpfrag"}, 404, "NotFound"},
		{"DELETE", "/whip/room/none?participant=eve", "", sdp, 404, "NotFound"},
		{"PUT", "/whip/room", "", sdp, 405, "MethodNotAllowed"},
		{"POST", "/whip/", good, sdp, 404, "NotFound"},
	})
}

// undisturbed checks that the good participant is seen in every frame, whoever
// else is there, and that its time goes on with the recording's; but for pictures that
// were not even drawn, as the machine had no time.
func undisturbed(t *testing.T, m *movie, g guest) {
	t.Helper()
	skipped := time.Duration(g.Stats().FramesSkipped) * time.Second / time.Duration(g.Config().FPS)
	for n, img := range m.frames() {
		seen := false
		for tiles := 1; tiles <= 4 && !seen; tiles++ {
			at, ok := read(img, tiles)[0]
			if !ok {
				continue
			}
			seen = true
			if age := m.wall(n).Sub(epoch()) - at; n >= settled && age > 300*time.Millisecond+skipped {
				t.Errorf("frame %d shows what was %v before, and pictures of %v were not drawn", n, age, skipped)
			}
		}
		if n >= settled && !seen {
			t.Errorf("frame %d does not show the participant", n)
		}
	}
	if beeps, seconds := m.beepsBetween(0, time.Second, m.length()); beeps < seconds { // noise may sound like one
		t.Errorf("%d beeps in %d s", beeps, seconds)
	}
}

// checkBabble checks that the noise came through to the recording, and that nobody
// else was harmed.
func checkBabble(t *testing.T, r *recording) {
	t.Helper()
	received := make(map[string]uint64)
	for _, p := range r.report().Participants {
		for _, track := range p.Tracks {
			if p.ID == "babbler" {
				received[strings.ToLower(track.MimeType)] += track.Received().Packets
			} else if track.DecodeErrors > 0 || track.Received().Malformed > 0 {
				t.Errorf("%+v", track)
			}
		}
	}
	for _, codec := range []string{"video/vp8", "video/h264", "video/vp9", "video/av1", "audio/opus"} {
		if received[codec] == 0 {
			t.Errorf("no %s came through: %v", codec, received)
		}
	}
}

// checkFiles checks that nothing was written but what belongs there.
func checkFiles(t *testing.T, root string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		inside := strings.HasPrefix(path, "data/recordings/") && strings.Count(path, "/") == 3 || strings.HasPrefix(path, "data/state/")
		own := slices.Contains([]string{"data/access-key", "data/access-key-secondary", "data/resource-id"}, path)
		if err == nil && !d.IsDir() && !inside && !own {
			t.Errorf("a file %s", path)
		}
		return err
	})
	must(t, err)
	if _, err := os.Stat(filepath.Join(root, "..", "passwd")); err == nil {
		t.Error("a file outside")
	}
}
