package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	engine "github.com/callreel/callreel"
)

// What Chromium sends over a network that loses each tenth packet of media, and each
// twentieth of the answers, is recorded without a broken picture and can be understood,
// and the report says what is missing.
func TestLoss(t *testing.T) {
	for _, codec := range []string{"vp8", "h264"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			testLoss(t, codec)
		})
	}
}

func testLoss(t *testing.T, codec string) {
	net := newNetwork(t)
	s := net.serve()
	film := newPattern()
	ann := browser(t, append(
		fakeMedia{size: patternSize(), fps: 15, length: 60 * time.Second, draw: film.draw, sound: speak}.flags(t),
		chromedp.Flag("unsafely-treat-insecure-origin-as-secure", s.url), // cameras are for HTTPS
		chromedp.Flag("host-resolver-rules", fmt.Sprintf("MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE %v", net.at)),
	)...)
	net.lose()
	token := strings.TrimSpace(s.command("token", "--conversation=room", "--participant=ann", "--name=Ann", "--data", s.data))
	size := patternSize()
	ann.join(s, "room", fmt.Sprintf("participant=ann&token=%s&codec=%s&width=%d&height=%d&fps=15", token, codec, size.X, size.Y))
	w := ann.witness() // on a connection that loses nothing
	s.await("room", 2)
	w.awaitReports()
	r := s.start("room")
	pass(t, 16*time.Second)
	m := r.stop()
	ann.hangUp()
	w.close()
	m.lasts(r)
	sound, pictures := r.lossy()
	checkSound(t, sound)
	film.check(m, pictures)
	m.understood(w)
}

// lossy returns what the report says of a participant's sound and pictures, all of
// which could be decoded.
func (r *recording) lossy() (sound, pictures engine.TrackReport) {
	for _, track := range r.tracks() {
		got := track.Received()
		r.s.t.Logf("%s: of %d packets %d lost, %d recovered, %d repaired, %d late",
			track.MimeType, got.Packets, got.Lost, got.Recovered, got.Repaired, got.Late)
		if track.Sound != nil {
			sound = track
		} else {
			pictures = track
		}
	}
	return sound, pictures
}

// checkSound checks that the report tells of losses, and what became of each: Opus
// comes in packets of 20 ms.
func checkSound(t *testing.T, track engine.TrackReport) {
	t.Helper()
	const packet = 20 * time.Millisecond
	got := track.Received()
	if got.Lost == 0 || got.Recovered == 0 || track.Sound == nil || track.Sound.Concealed.Count == 0 {
		t.Fatalf("the report of the sound: %+v", track)
	}
	sound := track.Sound
	t.Logf("%v of sound concealed in %d places, %v from the next packet, %v missing",
		sound.Concealed.Total, sound.Concealed.Count, sound.Recovered, sound.Missing.Total)
	told := sound.Concealed.Total + sound.Recovered + sound.Missing.Total
	if lost := time.Duration(got.Lost) * packet; (told - lost).Abs() > 3*packet { // some are of its begin and end
		t.Errorf("%v were lost and the report tells of %v: %+v", lost, told, sound)
	}
}

// check checks that each picture of a recording is a whole one of the film, once there
// is one, and that none is older than that before it. The film may stand still where
// the report says that it was frozen.
func (p pattern) check(m *movie, track engine.TrackReport) {
	t := m.t
	t.Helper()
	if track.Received().Repaired == 0 {
		t.Errorf("the report of the pictures: %+v", track)
	}
	last, first, since, worst := -1, -1, 0, 0.0
	want := newPicture()
	for i, img := range m.frames() {
		n, ok := p.number(img)
		switch {
		case !ok && first < 0 && i < 2*settled: // waits for a key frame
			continue
		case !ok:
			t.Errorf("frame %d shows no picture of the film", i)
			continue
		case n < last:
			t.Errorf("frame %d: picture %d after %d", i, n, last)
		case first < 0:
			first = i
		}
		d, where := p.deviation(img, want, n)
		worst = max(worst, d)
		if d > damaged {
			t.Errorf("frame %d: picture %d is damaged, by %.1f: %s", i, n, d, p.history(img, n, where))
		}
		if n != last {
			last, since = n, i
		}
		if still := i - since; still == 2*frameRate && !during(track.Pictures.Frozen, since, i) {
			t.Errorf("frames %d to %d show the same picture, of which the report says nothing", since, i)
		}
	}
	t.Logf("%d of %d frames show the film, by up to %.1f off", m.n-first, m.n, worst)
}

// during reports whether there is a stretch between two frames.
func during(stretches engine.Spans, from, to int) bool {
	return slices.ContainsFunc(stretches.List, func(s engine.Span) bool {
		return s.Start < time.Duration(to)*frameTime && s.Start+s.Duration > time.Duration(from)*frameTime
	})
}

// understood checks that speech is in a recording as the witness heard it.
func (m *movie) understood(w *witness) {
	m.t.Helper()
	const (
		margin = 2 * time.Second // after the start
		least  = 0.85            // 0.9 to 0.99 as losses fall; 0.2 a second off
	)
	begin, original := w.sound()
	heard := m.pcm[margin*sampleRate/time.Second:]
	original = original[align(original, heard, int(m.when(margin).Sub(begin)*sampleRate/time.Second)):]
	n := min(len(heard), len(original))
	heard, original = heard[:n], original[:n]
	right, wrong := intelligibility(original, heard), intelligibility(original[sampleRate:], heard)
	if right < least || wrong > least/2 {
		m.t.Errorf("the speech correlates by %.3f with what was said, and by %.3f with what comes a second later", right, wrong)
	}
	m.t.Logf("the speech correlates by %.3f with what was said, the waveform by %.3f", right, correlation(original, heard))
	for at := time.Duration(0); at+spoken <= heard.length(); at += spoken / 4 {
		said, got := original.loudness(at, at+spoken), heard.loudness(at, at+spoken)
		if original.speaks(at) && got < said/4 {
			m.t.Errorf("at %v the loudness is %.3f instead of %.3f", margin+at, got, said)
		}
	}
}

// spoken is a time of which loss must not take away all.
const spoken = 200 * time.Millisecond

// speaks reports whether somebody speaks all that time.
func (s samples) speaks(at time.Duration) bool {
	for end := at + spoken; at < end; at += spoken / 4 {
		if s.loudness(at, at+spoken/4) < 0.02 {
			return false
		}
	}
	return true
}
