package callreel_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/resample"
)

const (
	speakerRate = 48000 // Hz of what speakers say
	// settle is how long speakers are in the call before it is recorded.
	settle = 1500 * time.Millisecond
	// opusDelay is what libopus adds from end to end, in samples at 48 kHz, and
	// g722Delay what the filters of G.722 do.
	opusDelay = 312
	g722Delay = 66
)

// speaker is a participant who says what it is given, and has no camera.
type speaker struct {
	pcm      []float32 // mono at 48 kHz, from the epoch on
	mime     string    // empty means Opus
	stereo   bool
	right    float32 // gain of the right channel
	bitRate  int     // zero means 32000
	dtx      bool
	frames   []time.Duration // of Opus packets, 250 of each in turn; none means 20 ms
	lose     func(n int) bool
	payload  func(n int, packet []byte) []byte // what is sent instead
	link     link
	ppm      int64         // by how much its clock is fast
	from, to time.Duration // when it is in the call; zero means always
	muted    func(at time.Duration) bool
	ssrc     func(at time.Duration) uint32
	step     func(at time.Duration) time.Duration // of the time stamps
	track    string
}

// source returns what is to be encoded, its rate, and what encodes it.
func (s *speaker) source(t testing.TB) (pcm []float32, rate int, encode func(pcm []int16) ([]byte, error), err error) {
	if s.mime == "" {
		channels := 1
		if s.stereo {
			channels = 2
		}
		enc, err := codec.NewOpusEncoder(channels, cmp.Or(s.bitRate, 32000), s.dtx)
		if err != nil {
			return nil, 0, nil, err
		}
		return s.pcm[opusDelay:], speakerRate, enc.Encode, nil
	}
	pcm, rate = to(t, s.pcm, 8000), 8000
	if s.mime == "audio/G722" {
		pcm, rate = to(t, s.pcm[g722Delay:], 16000), 16000
	}
	enc, err := codec.NewWaveEncoder(s.mime, rate/50)
	if err != nil {
		return nil, 0, nil, err
	}
	t.Cleanup(enc.Close)
	return pcm, rate, enc.Encode, nil
}

// to changes the sample rate.
func to(t testing.TB, pcm []float32, rate int) []float32 {
	t.Helper()
	r, err := resample.New(speakerRate, rate)
	if err != nil {
		t.Fatal(err)
	}
	return r.Process(r.Process(nil, pcm), make([]float32, r.Delay()))
}

// speak sends until ctx ends or nothing is left to say.
func (s *speaker) speak(ctx context.Context, t testing.TB, sink ingest.Sink, who string, epoch time.Time) {
	mime, clock := s.mime, int64(8000)
	if mime == "" {
		mime, clock = "audio/opus", 48000
	}
	w, err := sink.AddTrack(ingest.TrackInfo{Participant: ingest.Participant{ID: who}, MimeType: mime, ID: s.track})
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = w.Close() }() // never fails
	pcm, rate, encode, err := s.source(t)
	if err != nil {
		t.Error(err)
		return
	}
	out := newStream(w, 111, 3000, clock)
	out.link, out.start = s.link, epoch
	defer out.flying.Wait()
	at := s.from
	for n := 0; ; n++ {
		frame := 20 * time.Millisecond
		if len(s.frames) > 0 {
			frame = s.frames[n*len(s.frames)/250%len(s.frames)]
		}
		first, last := int(at*time.Duration(rate)/time.Second), int((at+frame)*time.Duration(rate)/time.Second)
		due := epoch.Add(at - at*time.Duration(s.ppm)/1_000_000)
		if !sleepUntil(ctx, due) || last > len(pcm) || s.to > 0 && at >= s.to {
			return
		}
		packet, err := encode(s.samples(pcm[first:last]))
		if err != nil {
			t.Error(err)
			return
		}
		if !s.send(out, n, packet, at) {
			return
		}
		at += frame
	}
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	select {
	case <-time.After(time.Until(at)):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// send sends a packet, or not; false means that the track is gone.
func (s *speaker) send(out *stream, n int, packet []byte, at time.Duration) bool {
	if s.muted != nil && s.muted(at) || s.dtx && len(packet) <= 2 {
		return true
	}
	if s.payload != nil {
		packet = s.payload(n, packet)
	}
	if s.ssrc != nil {
		out.header.SSRC = s.ssrc(at)
	}
	if s.lose != nil && s.lose(n) {
		out.header.SequenceNumber++
		return true
	}
	if s.step != nil {
		at += s.step(at)
	}
	return out.send(packet, at, n == 0) == nil && (n%50 != 1 || out.report(at) == nil)
}

func (s *speaker) samples(pcm []float32) []int16 {
	out := make([]int16, 0, 2*len(pcm))
	for _, x := range pcm {
		out = append(out, whole(x))
		if s.stereo {
			out = append(out, whole(x*s.right))
		}
	}
	return out
}

func whole(x float32) int16 {
	return int16(math.RoundToEven(float64(max(-32768, min(32767, x*32768)))))
}

// soundConfig has as little to do with pictures as can be.
func soundConfig() callreel.RecordingConfig {
	cfg := smallConfig("room")
	cfg.Width, cfg.Height = 160, 90
	return cfg
}

// discussion is a conversation of speakers.
type discussion struct {
	*rig
	conv  *callreel.Conversation
	epoch time.Time
	leave func()
}

// discuss lets speakers begin now.
func discuss(t *testing.T, speakers ...*speaker) *discussion {
	t.Helper()
	r := newRig(t)
	c := &discussion{rig: r, conv: r.conversation("room"), epoch: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, len(speakers))
	for i, s := range speakers {
		go func() {
			defer func() { done <- struct{}{} }()
			if sleepUntil(ctx, c.epoch.Add(s.from)) {
				who := "ann"
				if s.track == "" {
					who = "p" + strconv.Itoa(i)
				}
				s.speak(ctx, t, c.conv, who, c.epoch)
			}
		}()
	}
	c.leave = func() {
		cancel()
		for range speakers {
			<-done
		}
	}
	return c
}

// recordSpeakers records speakers, who begin settle before it, and returns the sound
// of the file and the result.
func recordSpeakers(t *testing.T, length time.Duration, speakers ...*speaker) ([]float64, callreel.Result) {
	t.Helper()
	c := discuss(t, speakers...)
	<-time.After(settle)
	rec := c.start(soundConfig())
	<-time.After(length)
	res := c.stop(rec)
	c.leave()
	pcm := decodeSound(t, c.file(res.Chunks[0]))
	if n := int(length * 16000 / time.Second); len(pcm) < n {
		t.Fatalf("%d samples, want %d", len(pcm), n)
	}
	return pcm, res
}

// heardAt returns what was said between two positions of a recording, at 16 kHz.
func heardAt(t *testing.T, pcm []float32, from, length time.Duration) []float64 {
	t.Helper()
	return wide(to(t, pcm, 16000)[(settle+from)*16000/time.Second:][:length*16000/time.Second])
}

func wide(pcm []float32) []float64 {
	out := make([]float64, len(pcm))
	for i, x := range pcm {
		out[i] = float64(x)
	}
	return out
}

// span cuts a part out of 16 kHz samples.
func span(pcm []float64, from, length time.Duration) []float64 {
	return pcm[from*16000/time.Second:][:length*16000/time.Second]
}

// sine returns a tone at 48 kHz of a peak level in dBFS.
func sine(hertz, dB float64, length time.Duration) []float32 {
	pcm := make([]float32, length*speakerRate/time.Second)
	at, by := complex(math.Pow(10, dB/20), 0), rotation(hertz, speakerRate)
	for i := range pcm {
		pcm[i] = float32(imag(at))
		at *= by
	}
	return pcm
}

func nothing(length time.Duration) []float32 { return make([]float32, length*speakerRate/time.Second) }

// babble returns something like speech of an RMS level in dBFS: syllables of
// harmonics and hiss, of which each seed has its own.
func babble(seed uint64, dB float64, length time.Duration) []float32 {
	rng := rand.New(rand.NewPCG(seed, 3))
	pcm := nothing(length)
	for at := 0; at < len(pcm); {
		n := min(2400+rng.IntN(9600), len(pcm)-at)
		if rng.IntN(6) > 0 {
			syllable(pcm[at:at+n], rng)
		}
		at += n
	}
	return scaled(pcm, dB)
}

// syllable makes harmonics that are strongest around a formant, and some hiss.
func syllable(pcm []float32, rng *rand.Rand) {
	pitch, formant, loud := 90+110*rng.Float64(), 300+1200*rng.Float64(), math.Pow(10, -0.7*rng.Float64())
	var harmonics []complex128
	for k := 1.0; k*pitch < 3600; k++ {
		harmonics = append(harmonics, cmplx.Rect(1/k/(0.5+math.Abs(k*pitch-formant)/500), 2*math.Pi*rng.Float64()))
	}
	at, by := complex(1, 0), rotation(pitch, speakerRate)
	for i := range pcm {
		var x complex128
		for _, h := range slices.Backward(harmonics) {
			x = (x + h) * at
		}
		pcm[i] = float32(loud * (imag(x) + 0.02*rng.NormFloat64()) * math.Sin(math.Pi*float64(i)/float64(len(pcm))))
		at *= by
	}
}

// scaled brings samples to an RMS level in dBFS.
func scaled(pcm []float32, dB float64) []float32 {
	gain := float32(math.Pow(10, (dB-level(wide(pcm)))/20))
	for i := range pcm {
		pcm[i] = min(max(gain*pcm[i], -1), 1)
	}
	return pcm
}

// level returns the RMS of samples in dBFS.
func level(pcm []float64) float64 {
	sum := 0.0
	for _, x := range pcm {
		sum += x * x
	}
	return 10 * math.Log10(sum/float64(len(pcm))+1e-20)
}

// speech returns 10 s of real speech at an RMS level in dBFS, which comes with
// the module that wraps libopus.
func speech(t testing.TB, dB float64) []float32 {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/hraban/opus").Output()
	wav, err2 := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "speech_8.wav"))
	if err != nil || err2 != nil || len(wav) < 44+20*speakerRate {
		t.Skip("no recorded speech: ", err, err2)
	}
	pcm := make([]float32, 10*speakerRate)
	for i := range pcm {
		pcm[i] = float32(int16(binary.LittleEndian.Uint16(wav[44+2*i:]))) / 32768
	}
	return scaled(pcm, dB)
}

// loudness is what ffmpeg's meter says (EBU R 128).
type loudness struct{ integrated, truePeak float64 } // in LUFS and dBFS

var meterReading = regexp.MustCompile(`(?s)Summary:.*I: +(\S+) LUFS.*Peak: +(\S+) dBFS`)

func measureLoudness(t testing.TB, pcm []float64) loudness {
	t.Helper()
	var raw []byte
	for _, x := range pcm {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x)))
	}
	cmd := exec.Command("ffmpeg", "-hide_banner", "-nostats", "-f", "f32le", "-ar", "16000", "-ac", "1", "-i", "-",
		"-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-")
	cmd.Stdin = strings.NewReader(string(raw))
	out, err := cmd.CombinedOutput()
	found := meterReading.FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	var l loudness
	for i, to := range []*float64{&l.integrated, &l.truePeak} {
		if *to, err = strconv.ParseFloat(string(found[i+1]), 64); err != nil {
			t.Fatal(err)
		}
	}
	return l
}
