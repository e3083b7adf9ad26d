package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// step is one of what a tab does.
type step = chromedp.Action[chromedp.Void]

// tab is one of a browser with a fake camera and microphone, kept off the network.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// browser opens one with a tab, until the test ends.
func browser(t *testing.T, flags ...chromedp.ExecAllocatorOption) tab {
	t.Helper()
	if testing.Short() {
		t.Skip("browsers take their time: skipped with -short")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: ", err)
	}
	opts := append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 720),
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(opts, flags...)...)
	t.Cleanup(cancel)
	return tab{t, ctx}.another()
}

// another opens a tab beside the first.
func (b tab) another() tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	next := tab{b.t, ctx}
	next.do() // opens it
	return next
}

func (b tab) do(steps ...step) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		b.t.Fatalf("chromium: %v; the page says %q", err, text)
	}
}

// until waits for JavaScript to become true.
func until(js string) step {
	return chromedp.Poll[chromedp.Void](js, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(30*time.Second))
}

// join joins a call by its page; the query is what comes after the call's ID.
func (b tab) join(s *server, call, query string) {
	b.t.Helper()
	b.do(chromedp.Navigate(s.url+"/call/"+call+"?autojoin=1&"+query), until("callreel.joined"))
}

// hangUp leaves the call.
func (b tab) hangUp() {
	b.t.Helper()
	b.do(chromedp.Click("#leave"), until("callreel.state === 'closed' && callreel.error === null"))
}

// playback is what a video element made of a file.
type playback struct {
	Duration float64
	Width    int
	Height   int
	Played   float64 // currentTime after a second of it
	Seeks    []seek
	Ended    bool
	Error    string
}

// seek is what was at a position that was sought.
type seek struct {
	Want, Got float64
	Luma      float64 // mean
	Spread    float64 // standard deviation
}

// script plays a file for a second, seeks, looks, and plays it to its end.
const script = `(async () => {
  const video = document.querySelector("video");
  const fired = (name) => new Promise((done, fail) => {
    video.addEventListener(name, done, { once: true });
    setTimeout(() => fail(new Error("no " + name)), 15000);
  });
  const look = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 192, height: 108 });
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 192, 108);
    const { data } = context.getImageData(0, 0, 192, 108);
    const luma = [];
    for (let i = 0; i < data.length; i += 4) luma.push(0.3 * data[i] + 0.6 * data[i + 1] + 0.1 * data[i + 2]);
    const mean = luma.reduce((a, b) => a + b) / luma.length;
    return { mean, spread: Math.sqrt(luma.reduce((a, b) => a + (b - mean) ** 2, 0) / luma.length) };
  };
  const result = { seeks: [], ended: false, error: "" };
  try {
    const loaded = fired("canplaythrough");
    video.src = "movie.mp4";
    await loaded;
    Object.assign(result, { duration: video.duration, width: video.videoWidth, height: video.videoHeight });
    await video.play();
    await new Promise((done) => setTimeout(done, 1000));
    result.played = video.currentTime;
    video.pause();
    for (const want of [0.6 * video.duration, video.duration - 0.5, 1, video.duration - 1]) {
      const sought = fired("seeked");
      video.currentTime = want;
      await sought;
      const { mean, spread } = look();
      result.seeks.push({ want, got: video.currentTime, luma: mean, spread });
    }
    const ended = fired("ended");
    await video.play();
    await ended;
    result.ended = video.ended;
  } catch (err) {
    result.error = String(video.error?.message ?? err);
  }
  return result;
})()`

// play plays a file in a video element, from an HTTP server with ranges.
func (b tab) play(m *movie) playback {
	b.t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/movie.mp4", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, m.file) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><video></video>"))
	})
	files := httptest.NewServer(mux)
	b.t.Cleanup(files.Close)
	b.do(chromedp.Navigate(files.URL))
	p, err := chromedp.Run(b.ctx, chromedp.Evaluate[playback](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// plays checks that Chromium plays a file and seeks in it.
func (b tab) plays(m *movie) {
	b.t.Helper()
	p := b.play(m)
	if p.Error != "" || !p.Ended || p.Width != canvas.Dx() || p.Height != canvas.Dy() {
		b.t.Errorf("chromium plays: %+v", p)
	}
	if p.Duration < m.length().Seconds() || p.Duration > (m.length()+2*frameTime).Seconds() {
		b.t.Errorf("chromium says that %v are %v s", m.length(), p.Duration)
	}
	if p.Played < 0.5 || p.Played > 2 {
		b.t.Errorf("chromium played %v s in a second", p.Played)
	}
	for _, s := range p.Seeks {
		if d := s.Got - s.Want; d > 0.01 || d < -0.01 || s.Luma < 16 || s.Spread < 8 {
			b.t.Errorf("chromium seeks: %+v", s)
		}
	}
}
