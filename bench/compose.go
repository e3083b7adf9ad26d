package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/replay"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/cpu"
	"github.com/callreel/callreel/internal/probe"
	"github.com/callreel/callreel/storage"
)

// compose measures the pipeline: packets of the capture in, file out. The
// pictures come out as fast as the machine can, by the code that records calls.
func (j Job) compose(ctx context.Context) (report, error) {
	p := &probe.Probe{Label: j.Profile != ""}
	stop, err := profile(j.Profile)
	if err != nil {
		return report{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	began, before := time.Now(), cpu.Process()
	res, err := j.play(probe.With(ctx, p), nil)
	took, used := time.Since(began), cpu.Process()-before
	if err := errors.Join(err, stop()); err != nil {
		return report{}, err
	}
	seconds := res.Duration.Seconds()
	s := Sample{Seconds: seconds, Wall: took.Seconds() / seconds, PeakRSS: peakRSS(), FileRSS: fileRSS()}
	s.spend(used, p.Spent())
	return report{Sample: s}, nil
}

// profile begins a CPU profile if there is a file for one.
func profile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// play composes the capture, which is there, into j.Dir. through may wrap the
// script.
func (j Job) play(ctx context.Context, through func(callreel.Script) (callreel.Script, error)) (_ callreel.Result, err error) {
	f, err := os.Open(j.Scenario.capture(j.Cache))
	if err != nil {
		return callreel.Result{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	src, err := replay.Open(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return callreel.Result{}, err
	}
	script := callreel.Script(src)
	if through != nil {
		if script, err = through(src); err != nil {
			return callreel.Result{}, err
		}
	}
	return callreel.Compose(ctx, callreel.Config{
		Storage: storage.Dir(filepath.Join(j.Dir, "store")), Spool: filepath.Join(j.Dir, "spool"),
	}, j.settings(), script)
}

// What a reference leaves in its folder.
const (
	compositionFile = "composition.yuv" // all frames, 4:2:0
	paletteFile     = "reference.json"
)

// reference is what is known of a composition.
type reference struct {
	Encoder codec.VideoEncoderConfig
	Width   int
	Height  int
	Media   string // the file that came of it
	// Used says which layer was shown of the participants' cameras and screens, by
	// participant and role. What is not in it was not seen.
	Used map[string]used
}

type used struct {
	RID      string
	Temporal int // -1: all
}

// script is a whole call in memory, so that reading it allocates nothing more.
type memory struct {
	recorded ingest.Recorded
	steps    []ingest.Step
}

func (m *memory) Recorded() ingest.Recorded { return m.recorded }

func (m *memory) Next() (ingest.Step, error) {
	if len(m.steps) == 0 {
		return ingest.Step{}, io.EOF
	}
	s := m.steps[0]
	m.steps = m.steps[1:]
	return s, nil
}

func preload(s callreel.Script) (callreel.Script, error) {
	m := &memory{recorded: s.Recorded()}
	for {
		step, err := s.Next()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return nil, err
		}
		m.steps = append(m.steps, step)
	}
}

// reference composes the call once more and keeps each frame as it was before it
// was encoded. Allocations are counted in the second half, from one frame to the next.
func (j Job) reference(ctx context.Context) (rep report, err error) {
	f, err := os.Create(filepath.Join(j.Dir, compositionFile))
	if err != nil {
		return rep, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var ref reference
	var failed error
	half := int64(j.Scenario.Seconds) * frameRate / 2
	count := newAllocations(half)
	p := &probe.Probe{
		Encoder: func(cfg codec.VideoEncoderConfig) { ref.Encoder = cfg },
		Picture: func(n int64, canvas *image.YCbCr) {
			failed = errors.Join(failed, writePicture(f, canvas))
			if n >= half && n <= 2*half {
				count.next()
			}
		},
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	res, err := j.play(probe.With(ctx, p), preload)
	if err := errors.Join(err, failed); err != nil {
		return rep, err
	}
	ref.Width, ref.Height = ref.Encoder.Width, ref.Encoder.Height
	ref.Media = filepath.Join(j.Dir, "store", filepath.FromSlash(res.Chunks[0].MediaKey))
	rep.Quality = describe(res)
	count.describe(&rep.Quality)
	ref.Used = usedOf(*res.Report)
	doc, err := json.Marshal(ref)
	if err != nil {
		return rep, err
	}
	if err := os.WriteFile(filepath.Join(j.Dir, paletteFile), doc, 0o666); err != nil {
		return rep, err
	}
	rep.Quality.SSIM, err = similarity(ctx, ref.Media, filepath.Join(j.Dir, compositionFile), ref.Width, ref.Height)
	return rep, err
}

// describe counts what came of a recording.
func describe(res callreel.Result) Quality {
	q := Quality{Frames: res.Stats.Frames, Repeated: res.Stats.RepeatedFrames}
	for _, c := range res.Chunks {
		q.Bytes += c.Bytes
	}
	q.BitRate = float64(q.Bytes) * 8 / res.Duration.Seconds()
	for _, p := range res.Report.Participants {
		for _, t := range p.Tracks {
			for _, l := range t.Layers {
				q.Packets += l.Packets
			}
			if t.Pictures != nil {
				q.Decoded += t.Decoded
			} else {
				q.Sounds += t.Decoded
			}
		}
	}
	return q
}

// usedOf returns the layers that were shown for longest.
func usedOf(r callreel.Report) map[string]used {
	all := make(map[string]used)
	for _, p := range r.Participants {
		for _, t := range p.Tracks {
			if t.Pictures != nil && len(t.Pictures.Used) > 0 {
				u := t.Pictures.Used[0]
				all[p.ID+"/"+t.Role] = used{u.RID, u.Temporal}
			}
		}
	}
	return all
}

// writePicture writes the planes of a picture that begins at the origin.
func writePicture(w io.Writer, p *image.YCbCr) error {
	b := p.Rect
	for _, plane := range []struct {
		pix          []byte
		stride, w, h int
	}{{p.Y, p.YStride, b.Dx(), b.Dy()}, {p.Cb, p.CStride, b.Dx() / 2, b.Dy() / 2}, {p.Cr, p.CStride, b.Dx() / 2, b.Dy() / 2}} {
		for y := range plane.h {
			if _, err := w.Write(plane.pix[y*plane.stride:][:plane.w]); err != nil {
				return err
			}
		}
	}
	return nil
}

// allocations counts those of Go's memory from one frame to the next.
type allocations struct {
	from          runtime.MemStats // at the frame before
	counts, bytes []float64        // room for all, so that nothing is allocated for them
}

func newAllocations(frames int64) *allocations {
	return &allocations{counts: make([]float64, 0, frames), bytes: make([]float64, 0, frames)}
}

// next ends a frame. With the first, counting begins.
func (a *allocations) next() {
	before := a.from
	runtime.ReadMemStats(&a.from)
	if before.Mallocs > 0 {
		a.counts = append(a.counts, float64(a.from.Mallocs-before.Mallocs))
		a.bytes = append(a.bytes, float64(a.from.TotalAlloc-before.TotalAlloc))
	}
}

// describe tells what most frames allocate, and what all do on average.
func (a *allocations) describe(q *Quality) {
	if len(a.counts) == 0 {
		return
	}
	q.AllocsPerFrame = median(a.counts, func(n float64) float64 { return n })
	for i := range a.counts {
		q.MeanAllocs += a.counts[i] / float64(len(a.counts))
		q.MeanAllocBytes += a.bytes[i] / float64(len(a.bytes))
	}
}
