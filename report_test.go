package callreel_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/storage"
)

// track returns what a report says of a participant's track.
func track(t *testing.T, r *callreel.Report, who, kind string) callreel.TrackReport {
	t.Helper()
	for _, p := range r.Participants {
		for _, track := range p.Tracks {
			if p.ID == who && track.Kind == kind {
				return track
			}
		}
	}
	t.Fatalf("no %s of %s in %+v", kind, who, r)
	return callreel.TrackReport{}
}

// about says whether a length is what it should be, to a frame and a picture of the sender.
func about(got, want time.Duration) bool {
	return got > want-200*time.Millisecond && got < want+200*time.Millisecond
}

func TestReportOfACleanCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		ann := person(conv, 1, time.Now())
		leave := r.join(ann)
		time.Sleep(1500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(12 * time.Second)
		res := r.stop(rec)
		leave()

		doc, err := os.ReadFile(filepath.Join(r.dir, "store", filepath.FromSlash(callreel.ReportKey(rec.ID()))))
		var report callreel.Report
		if err := errors.Join(err, json.Unmarshal(doc, &report)); err != nil {
			t.Fatal(err)
		}
		if report.Verdict != callreel.Pass || res.Verdict != callreel.Pass || len(report.Reasons)+len(report.Alarms) > 0 {
			t.Errorf("%s", doc)
		}
		sound, pictures := track(t, &report, "p01", "audio"), track(t, &report, "p01", "video")
		if sound.Sound.Concealed.Count+sound.Sound.Missing.Count > 0 || sound.Sound.P95Offset > 2*time.Millisecond {
			t.Errorf("%+v", sound.Sound)
		}
		p := pictures.Pictures
		if p.Frozen.Count+p.Black.Count > 0 || p.Blank.Total > 300*time.Millisecond {
			t.Errorf("%+v", p)
		}
		if len(p.Used) != 1 || p.Used[0].Width != 320 || !about(p.Used[0].Duration, 12*time.Second) {
			t.Errorf("used %+v", p.Used)
		}
		if report.Participants[0].AVBasis != "reports" || report.Ticks.Frames != 96 || report.Ticks.LateTicks > 0 {
			t.Errorf("%s", doc)
		}
	})
}

// The network holds all packets back for two seconds. What comes a second too late is
// not heard any more, and the report says so.
func TestReportOfAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		begin := time.Now()
		ann := person(conv, 1, begin)
		const from, hold = 5500 * time.Millisecond, 2 * time.Second
		ann.link = func(now time.Time, _ *rand.Rand) time.Duration {
			if at := now.Sub(begin); at >= from && at < from+hold {
				return from + hold - at
			}
			return 0
		}
		leave := r.join(ann)
		time.Sleep(1500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(9 * time.Second)
		res := r.stop(rec)
		leave()
		sound := track(t, res.Report, "p01", "audio")
		if s := sound.Sound; s.Missing.Count != 1 || !about(s.Missing.Total, time.Second) || !about(s.Missing.List[0].Start, 4*time.Second) || sound.Received().Lost > 0 {
			t.Errorf("missing %+v, %+v", s.Missing, sound.Layers)
		}
	})
}

// For three seconds all packets are lost. The report says where the picture
// stood and that the sound is missing.
func TestReportOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conv := r.conversation("room")
		ann := person(conv, 1, time.Now())
		leave := r.join(ann)
		time.Sleep(1500 * time.Millisecond)
		rec := r.start(smallConfig("room"))
		time.Sleep(4 * time.Second)
		ann.cut.Store(true)
		time.Sleep(3 * time.Second)
		ann.cut.Store(false)
		time.Sleep(5 * time.Second)
		res := r.stop(rec)
		leave()
		sound, pictures := track(t, res.Report, "p01", "audio").Sound, track(t, res.Report, "p01", "video").Pictures
		if sound.Missing.Count != 1 || !about(sound.Missing.Total, 3*time.Second) || !about(sound.Missing.List[0].Start, 4*time.Second) {
			t.Errorf("missing %+v", sound.Missing)
		}
		// A key frame has to be asked for afterwards.
		if f := pictures.Frozen; f.Count != 1 || f.Total < 3*time.Second || f.Total > 4*time.Second || !about(f.List[0].Start, 4*time.Second) {
			t.Errorf("frozen %+v", pictures.Frozen)
		}
		if g := res.Report.Ticks.Gaps; g.Count != 1 || !about(g.Total, 2875*time.Millisecond) || !about(g.List[0].Start, 4*time.Second) {
			t.Errorf("gaps %+v", g)
		}
		if res.Verdict != callreel.Warn || len(res.Report.Reasons) != 2 || !strings.Contains(res.Report.Reasons[0], "p01") {
			t.Errorf("%s: %q", res.Verdict, res.Report.Reasons)
		}
	})
}

// However late a recording is composed, what is not due yet is not missing. Nor
// is what somebody would have sent who has left.
func TestReportOfALongDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ann := person(r.conversation("room"), 1, time.Now())
		ann.late = 6 * time.Second
		cfg := smallConfig("room")
		cfg.Delay, cfg.RejoinGrace = 5*time.Second, 0
		rec := r.start(cfg)
		leave := r.join(ann)
		time.Sleep(14 * time.Second)
		leave()
		time.Sleep(5 * time.Second)
		res := r.stop(rec)
		if res.Verdict != callreel.Pass || len(res.Report.Alarms) > 0 || res.Report.Ticks.Gaps.Count > 0 {
			t.Errorf("%s %q, alarms %+v, gaps %+v", res.Verdict, res.Report.Reasons, res.Report.Alarms, res.Report.Ticks.Gaps)
		}
		p := track(t, res.Report, "p01", "video").Pictures
		if len(p.Used) != 1 || !about(p.Used[0].Duration, 11*time.Second) || p.Blank.Total > 300*time.Millisecond { // with the grace
			t.Errorf("%+v", p)
		}
	})
}

// A screen of which there never is a picture has no tile, and yet is missing.
func TestReportOfAScreenThatIsNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		rec := r.start(smallConfig("room"))
		w, err := rec.AddTrack(ingest.TrackInfo{Participant: ingest.Participant{ID: "ann"}, Role: ingest.Screen, MimeType: "video/VP8"})
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint16(80) {
			p := &rtp.Packet{
				Header:  rtp.Header{Version: 2, SSRC: 5, Marker: true, SequenceNumber: n, Timestamp: 9000 * uint32(n)},
				Payload: []byte{0x10, 0x31, 0, 0},
			}
			if err := w.WriteRTP(p, time.Now()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		res := r.stop(rec)
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if b := track(t, res.Report, "ann", "video").Pictures.Blank; !about(b.Total, 7*time.Second) || res.Verdict != callreel.Fail {
			t.Errorf("%s %q, blank %+v", res.Verdict, res.Report.Reasons, b)
		}
	})
}

// alarms collects the events about alarms.
type alarms struct {
	mu   sync.Mutex
	seen []callreel.Event
}

func (a *alarms) take(e callreel.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Alarm != nil {
		a.seen = append(a.seen, e)
	}
}

// is fails unless the alarms raised and cleared so far are these.
func (a *alarms) is(t *testing.T, want ...string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	var got []string
	for _, e := range a.seen {
		got = append(got, string(e.Type)+" "+string(e.Alarm.Kind)+" "+e.Alarm.Track)
	}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("alarms %q, want %q", got, want)
	}
}

func TestAlarms(t *testing.T) {
	for _, c := range []struct {
		name    string
		mime    string
		payload []byte // in place of the sender's
		kind    callreel.AlarmKind
		verdict callreel.Verdict
	}{
		{"no key frame", "video/VP8", []byte{0x10, 0x31, 0, 0}, callreel.AlarmNoKeyFrame, callreel.Fail},
		{"garbage pictures", "video/VP8", []byte{0x10, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xb4, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, callreel.AlarmUndecodable, callreel.Fail},
		{"garbage sound", "audio/opus", []byte{0xff, 0xff, 0xff}, callreel.AlarmUndecodable, callreel.Fail},
		{"silence", "audio/PCMU", []byte(strings.Repeat("\xff", 160)), callreel.AlarmSilence, callreel.Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told alarms
				r := newRig(t)
				eng, err := callreel.New(callreel.Config{
					Storage: storage.Dir(filepath.Join(r.dir, "store")), Spool: filepath.Join(r.dir, "spool"), OnEvent: told.take,
				})
				if err != nil {
					t.Fatal(err)
				}
				r.eng = eng
				rec := r.start(smallConfig("room"))
				w, err := rec.AddTrack(ingest.TrackInfo{Participant: ingest.Participant{ID: "ann"}, MimeType: c.mime, ID: "t"})
				if err != nil {
					t.Fatal(err)
				}
				h := rtp.Header{Version: 2, SSRC: 5, Marker: true}
				send := func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
						h.SequenceNumber++
						h.Timestamp += 160
						if err := w.WriteRTP(&rtp.Packet{Header: h, Payload: c.payload}, time.Now()); err != nil {
							t.Fatal(err)
						}
					}
				}
				after := 5 * time.Second
				if c.kind == callreel.AlarmSilence {
					after = 31 * time.Second
				}
				send(after - 1500*time.Millisecond) // composing is a second behind
				told.is(t)
				send(4 * time.Second)
				told.is(t, "AlarmRaised "+string(c.kind)+" t")
				time.Sleep(4 * time.Second) // nothing comes, so nothing is wrong
				told.is(t, "AlarmRaised "+string(c.kind)+" t", "AlarmCleared "+string(c.kind)+" t")
				res := r.stop(rec)
				if err := w.Close(); err != nil {
					t.Error(err)
				}
				if a := res.Report.Alarms; len(a) != 1 || a[0].Kind != c.kind || !a[0].Over || a[0].Duration < 2*time.Second {
					t.Errorf("%+v", a)
				}
				if res.Verdict != c.verdict {
					t.Errorf("%s: %q", res.Verdict, res.Report.Reasons)
				}
			})
		})
	}
}
