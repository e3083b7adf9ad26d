package page_test

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callreel/callreel/control/page"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/chromedp/chromedp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

var shots = flag.String("shots", "", "folder to leave screenshots in")

// call is a server with the page and one conversation.
type call struct {
	mu        sync.Mutex
	roster    int
	packets   map[string]int // by track and layer
	recording string
	whip      *whip.Server
	http      *httptest.Server
}

func serve(t *testing.T) *call {
	t.Helper()
	c := &call{packets: map[string]int{}, recording: page.None}
	c.start(t)
	mux := http.NewServeMux()
	mux.Handle("/call/", page.Handler())
	mux.HandleFunc("GET /call/{conversation}/state", func(w http.ResponseWriter, _ *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = json.NewEncoder(w).Encode(page.State{Recording: c.recording, Participants: c.roster})
	})
	mux.HandleFunc("/whip/", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		s := c.whip
		c.mu.Unlock()
		s.ServeHTTP(w, r)
	})
	c.http = httptest.NewServer(mux)
	t.Cleanup(c.http.Close)
	t.Cleanup(func() { c.stop(t) })
	return c
}

func (c *call) start(t *testing.T) {
	t.Helper()
	s, err := whip.New(whip.Config{
		Loopback: true,
		Sink:     func(context.Context, string) (ingest.Sink, error) { return c, nil },
		Authorize: func(r *http.Request, _ string) (whip.Grant, error) {
			if r.Header.Get("Authorization") != "Bearer abc" {
				return whip.Grant{}, whip.ErrUnauthorized
			}
			q := r.URL.Query()
			g := whip.Grant{Participant: ingest.Participant{ID: q.Get("participant"), Name: q.Get("name")}}
			if q.Get("role") == "screen" {
				g.Role = ingest.Screen
			}
			return g, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whip = s
}

func (c *call) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.whip.Close(ctx); err != nil {
		t.Error(err)
	}
}

func (c *call) Join(ingest.Participant) (leave func(), err error) {
	c.count(func() { c.roster++ })
	return sync.OnceFunc(func() { c.count(func() { c.roster-- }) }), nil
}

func (c *call) AddTrack(t ingest.TrackInfo) (ingest.Writer, error) {
	return counter{c, strings.ToLower(t.ID + " " + t.MimeType + " " + t.RID)}, nil
}

func (c *call) count(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

type counter struct {
	call *call
	name string
}

func (w counter) WriteRTP(*rtp.Packet, time.Time) error {
	w.call.count(func() { w.call.packets[w.name]++ })
	return nil
}
func (w counter) WriteRTCP([]rtcp.Packet, time.Time) error { return nil }
func (w counter) Close() error                             { return nil }

// browser opens one with a fake camera and microphone, kept off the network.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil || testing.Short() {
		t.Skip("needs chromium, and more than a moment")
	}
	opts := append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 800),
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("auto-select-tab-capture-source-by-title", "Call"),
		chromedp.Flag("auto-accept-this-tab-capture", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// step is one of a test.
type step = chromedp.Action[chromedp.Void]

func do(f func(context.Context) error) step {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error { return f(ctx) })
}

// until waits for JavaScript to become true.
func until(js string) step {
	return chromedp.Poll[chromedp.Void](js, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(30*time.Second))
}

func shot(name string) step {
	return do(func(ctx context.Context) error {
		if *shots == "" {
			return nil
		}
		png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o600)
	})
}

// received waits until a track whose name has the prefix has had n packets.
func (c *call) received(prefix string, n int) step {
	return c.eventually(func() bool {
		for name, got := range c.packets {
			if strings.HasPrefix(name, prefix) && got >= n {
				return true
			}
		}
		return false
	})
}

func (c *call) eventually(cond func() bool) step {
	return do(func(ctx context.Context) error {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			ok := false
			c.count(func() { ok = cond() })
			if ok {
				return nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	})
}

func (c *call) set(recording string) step {
	return do(func(context.Context) error {
		c.count(func() { c.recording = recording })
		return nil
	})
}

func TestInBrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	c := serve(t)
	url := c.http.URL + "/call/room%2F1?token=abc&name=Ann+Archer&participant=ann"
	err := chromedp.Do(
		ctx,
		chromedp.EmulateViewport(1280, 800),
		chromedp.Navigate(url),
		chromedp.WaitVisible("#join"),
		shot("lobby"),
		chromedp.Click("#join"),
		until("callreel.joined"),
		c.received("camera/audio", 20),
		c.received("camera/video", 20),
		c.set(page.Active),
		until("document.querySelector('#recording').innerText === 'Recording' && callreel.participants === 1"),
		shot("recording"),
		chromedp.Click("#share"),
		c.received("screen/video", 5),
		chromedp.Click("#mic"), chromedp.Click("#cam"),
		c.set(page.Inactive),
		until("document.querySelector('#recording').innerText === 'Recording paused'"),
		shot("paused"),
		chromedp.Click("#leave"),
		until("callreel.state === 'closed' && callreel.error === null"),
		c.eventually(func() bool { return c.roster == 0 }),
		shot("left"),
	)
	if err != nil {
		state, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("callreel.state + callreel.error + document.body.innerText"))
		t.Fatalf("%v; %v; %s", err, c.packets, state)
	}
}

// A server that was restarted gets its participants back.
func TestReconnectsInBrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	c := serve(t)
	err := chromedp.Do(
		ctx,
		chromedp.Navigate(c.http.URL+"/call/room?token=abc&autojoin=1&simulcast=1&codec=vp8&participant=ann"),
		until("callreel.joined"),
		c.received("camera/video/1 video/vp8 q", 5),
		do(func(context.Context) error {
			c.stop(t)
			c.start(t)
			c.count(func() { c.packets = map[string]int{} })
			return nil
		}),
		c.received("camera/video/1 video/vp8 q", 5),
		until("callreel.state === 'connected'"),
	)
	if err != nil {
		t.Fatalf("%v; %v", err, c.packets)
	}
}

func TestRefusedInBrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	c := serve(t)
	err := chromedp.Do(
		ctx,
		chromedp.Navigate(c.http.URL+"/call/room?token=wrong&autojoin=1&video=0"),
		until("callreel.error"),
		chromedp.WaitVisible("#error"),
		chromedp.WaitVisible("#join"),
		shot("refused"),
	)
	if err != nil {
		t.Fatal(err)
	}
}
