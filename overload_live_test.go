//go:build overload

package callreel_test

import (
	"context"
	"fmt"
	"image"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/storage"
)

// The call that each recording is of: so many people, for so long.
const (
	livePeople = 4
	liveLength = 30 * time.Second
)

// tape keeps a call that is made in virtual time, so that it can be played to
// many recordings in real time at next to no cost.
type tape struct {
	epoch  time.Time
	mu     sync.Mutex
	people []ingest.Participant
	tracks []ingest.TrackInfo
	steps  []taped
}

type taped struct {
	at     time.Duration
	track  int
	packet *rtp.Packet
	report []rtcp.Packet
}

// tapeTrack is a track of a tape.
type tapeTrack struct {
	*tape
	track int
}

func (p *tape) Join(who ingest.Participant) (func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.people = append(p.people, who)
	return func() {}, nil
}

func (p *tape) AddTrack(t ingest.TrackInfo) (ingest.Writer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tracks = append(p.tracks, t)
	return tapeTrack{p, len(p.tracks) - 1}, nil
}

func (p tapeTrack) add(s taped, arrival time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.at, s.track = arrival.Sub(p.epoch), p.track
	p.steps = append(p.steps, s)
	return nil
}

func (p tapeTrack) WriteRTP(packet *rtp.Packet, arrival time.Time) error {
	return p.add(taped{packet: packet}, arrival)
}

func (p tapeTrack) WriteRTCP(report []rtcp.Packet, arrival time.Time) error {
	return p.add(taped{report: report}, arrival)
}

func (p tapeTrack) Close() error { return nil }

// woven is a painter of something that takes a codec some work.
func woven(luma uint8) painter {
	return func(img *image.YCbCr, at time.Duration) {
		shift := int(at / (40 * time.Millisecond))
		for y := range img.Rect.Dy() {
			row := img.Y[y*img.YStride:][:img.Rect.Dx()]
			for x := range row {
				row[x] = luma + uint8(((x+shift)*(y+shift)>>6)&63)
			}
		}
	}
}

// makeTape makes the call. A key frame comes every four seconds, as nobody can
// ask for one.
func makeTape(t *testing.T) *tape {
	p := &tape{}
	synctest.Test(t, func(t *testing.T) {
		p.epoch = time.Now()
		r := &rig{t: t}
		var leave []func()
		for i := range livePeople {
			c := guest(p, i, p.epoch)
			c.size, c.paint = image.Pt(640, 360), woven(uint8(40+20*i))
			leave = append(leave, r.join(c))
		}
		for range liveLength / (4 * time.Second) {
			time.Sleep(4 * time.Second)
			for _, track := range p.tracks {
				if track.RequestKeyFrame != nil {
					track.RequestKeyFrame()
				}
			}
		}
		for _, f := range leave {
			f()
		}
	})
	for i := range p.tracks {
		p.tracks[i].RequestKeyFrame = nil
	}
	return p
}

// play plays the tape to a conversation and returns how late it was at worst.
func (p *tape) play(ctx context.Context, t *testing.T, conv *callreel.Conversation, epoch time.Time) (late time.Duration) {
	var writers []ingest.Writer
	for _, who := range p.people {
		if _, err := conv.Join(who); err != nil {
			t.Error(err)
		}
	}
	for _, info := range p.tracks {
		w, err := conv.AddTrack(info)
		if err != nil {
			t.Error(err)
			return 0
		}
		writers = append(writers, w)
	}
	for _, s := range p.steps {
		at := epoch.Add(s.at)
		if wait := time.Until(at); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return late
			}
		}
		late = max(late, time.Since(at))
		var err error
		if s.packet != nil {
			err = writers[s.track].WriteRTP(s.packet.Clone(), at)
		} else {
			err = writers[s.track].WriteRTCP(s.report, at)
		}
		if err != nil {
			t.Error(err)
		}
	}
	return late
}

// take is a recording of the tape.
type take struct {
	res   callreel.Result
	media string
	late  time.Duration // of what was played
	load  callreel.Load // near the end
}

// takes records the tape so many times at once. It returns what that took the
// process, in CPU time.
func (p *tape) takes(t *testing.T, n int) ([]take, time.Duration) {
	dir := t.TempDir()
	eng, err := callreel.New(callreel.Config{Storage: storage.Dir(filepath.Join(dir, "store")), Spool: filepath.Join(dir, "spool"), SpoolReserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	before := cpu.Process()
	all := make([]take, n)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i] = p.take(t, eng, fmt.Sprintf("room-%d", i), filepath.Join(dir, "store")) })
	}
	wg.Wait()
	if err := eng.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return all, cpu.Process() - before
}

func (p *tape) take(t *testing.T, eng *callreel.Engine, room, store string) (k take) {
	rec, err := eng.Start(t.Context(), callreel.RecordingConfig{Conversation: room})
	if err != nil {
		t.Error(err)
		return k
	}
	// In the middle between two ticks, so that all takes are dated alike.
	epoch := rec.StartTime().Add(500*time.Millisecond + time.Second/96000)
	k.late = p.play(t.Context(), t, rec.Conversation(), epoch)
	k.load = rec.Load()
	if k.res, err = rec.Stop(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	k.media = stored(store, k.res.Chunks[0].MediaKey)
	return k
}

// lost returns how much of the sound of a take is not that of another, sample by
// sample, and by how much it differs at most.
func (k take) lost(t *testing.T, want []float64) (lost time.Duration, differ float64) {
	got := decodeSound(t, k.media)
	n := min(len(want), 16000*int((liveLength-500*time.Millisecond)/time.Second))
	if len(got) < n {
		return time.Duration(n-len(got)) * time.Second / 16000, 0
	}
	const audible = 0.003 // -50 dBFS
	samples := 0
	for i := range n {
		d := math.Abs(got[i] - want[i])
		differ = max(differ, d)
		if d > audible {
			samples++
		}
	}
	return time.Duration(samples) * time.Second / 16000, differ
}

// TestLiveOverload finds out how many recordings of a call the machine carries,
// makes twice as many at once, in real time, and compares the sound of each with
// that of one that was alone. How fast the machine is, is not judged.
func TestLiveOverload(t *testing.T) {
	p := makeTape(t)
	alone, used := p.takes(t, 1)
	want := decodeSound(t, alone[0].media)
	each := used.Seconds() / alone[0].res.Duration.Seconds()
	n := int(math.Ceil(2 * cpu.Cores() / each))
	t.Logf("%.2f cores, %.3f for one recording: the machine carries %.1f, so there are %d", cpu.Cores(), each, cpu.Cores()/each, n)
	all, used := p.takes(t, n)
	t.Logf("%d recordings of %d people: %.2f CPU seconds a second", n, livePeople, used.Seconds()/liveLength.Seconds())
	t.Logf("%4s %9s %9s %6s %6s %11s %8s %9s %8s %8s", "", "cpu s/s", "late", "level", "steps", "overloaded", "frames", "new", "lost", "differ")
	for i, k := range all {
		s, ticks := k.res.Stats, k.res.Report.Ticks
		lost, differ := k.lost(t, want)
		t.Logf("%4d %9.3f %9v %6d %3d/%-2d %11v %8d %9d %8v %8.5f", i, s.CPU.Seconds()/k.res.Duration.Seconds(), ticks.MaxLateness.Round(time.Millisecond),
			k.res.Overload.Level, s.StepsDown, s.StepsUp, k.res.Overload.Total.Round(time.Millisecond), s.Frames, s.Frames-s.RepeatedFrames, lost, differ)
		if lost > 0 {
			t.Errorf("recording %d: %v of the sound are not as they were", i, lost)
		}
		for track := range k.res.Report.Tracks() {
			if track.Kind != "audio" {
				continue
			}
			if s := track.Sound; s.Concealed.Count+s.Missing.Count > 0 || s.Overflowed > 0 || track.DecodeErrors > 0 || track.Received().Lost+track.Received().Late > 0 {
				t.Errorf("recording %d, %s: %+v, %+v", i, track.Track, s, track.Received())
			}
		}
		if s.Frames != int64(k.res.Duration*8/time.Second) {
			t.Errorf("recording %d: %d frames in %v", i, s.Frames, k.res.Duration)
		}
		if k.late > 500*time.Millisecond {
			t.Logf("recording %d: what was played came %v late", i, k.late)
		}
	}
}
