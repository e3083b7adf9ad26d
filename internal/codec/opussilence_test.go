package codec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hraban/opus"

	"github.com/callreel/callreel/internal/opusframe"
)

// callEncoder returns an encoder with the settings that browsers choose.
func callEncoder(t testing.TB, app opus.Application, complexity, bitRate, channels int) *OpusEncoder {
	t.Helper()
	enc, err := opus.NewEncoder(48000, channels, app)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		enc.SetBitrate(bitRate), enc.SetComplexity(complexity), enc.SetInBandFEC(true), enc.SetPacketLossPerc(5),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return &OpusEncoder{enc: enc, buf: make([]byte, 1275)}
}

// talk encodes so many frames of 20 ms, of which each fifth hundred is speech and
// the others are the noise of a microphone, of so many of the lowest bits of 16: none
// of somebody who is muted. At the end comes speech.
func talk(t *testing.T, enc *OpusEncoder, channels, frames, noise int) (packets [][]byte) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	return encodeOpus(t, enc, frames, func(n int) []int16 {
		mono, pcm := make([]int16, 960), make([]int16, 960*channels)
		if n%500 < 100 {
			speechlike(mono, n*960, rng)
		} else {
			hiss(mono, noise, rng)
		}
		for i, x := range mono {
			for c := range channels {
				pcm[i*channels+c] = x
			}
		}
		return pcm
	})
}

func hiss(pcm []int16, peak int, rng *rand.Rand) {
	for i := range pcm {
		pcm[i] = int16(rng.IntN(2*peak+1) - peak)
	}
}

// TestSilenceIsNotDecoded: of somebody who listens for eight seconds between
// speech, muted or with an open microphone, little is decoded. What is heard before
// and afterwards is what it is if all is decoded, and of the rest nothing is heard.
func TestSilenceIsNotDecoded(t *testing.T) {
	for _, app := range []opus.Application{opus.AppVoIP, opus.AppAudio} {
		for _, complexity := range []int{3, 9} {
			for _, bitRate := range []int{24000, 32000, 64000} {
				for channels := 1; channels <= 2; channels++ {
					for _, noise := range []int{0, 8} {
						t.Run(fmt.Sprint(app, complexity, bitRate, channels, noise), func(t *testing.T) {
							packets := talk(t, callEncoder(t, app, complexity, bitRate, channels), channels, 1100, noise)
							worst, skipped, silent := compareDecoders(t, packets)
							if worst > audibleLevel {
								t.Errorf("differs by %.5f", worst)
							}
							if skipped < 8*(silent-2*backgroundFor)/10 {
								t.Errorf("%d packets that are silent, of which %d were not decoded", silent, skipped)
							}
						})
					}
				}
			}
		}
	}
}

// compareDecoders returns by how much what is heard differs from a decoder that is given
// all, and how many packets were not decoded, of those that are silent and say so.
func compareDecoders(t *testing.T, packets [][]byte) (worst float64, skipped, silent int) {
	t.Helper()
	spare, err := NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	full, err := opus.NewDecoder(16000, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, MaxOpusFrame)
	var meter opusframe.Meter
	for _, p := range packets {
		got, err := spare.Decode(p)
		if err != nil {
			t.Fatal(err)
		}
		if spare.silence.spared > 0 {
			skipped++
		}
		n, err := full.DecodeFloat32(p, want)
		if err != nil || n != len(got) {
			t.Fatal(err, n, len(got))
		}
		if _, told := meter.Read(p); told && Silent(want[:n]) {
			silent++
		}
		for i, x := range want[:n] {
			worst = max(worst, math.Abs(float64(got[i]-x)))
		}
	}
	return worst, skipped, silent
}

// TestOnsetsAreHeard: a tone is heard from its beginning on, wherever in a packet that
// is. Where the encoder has not settled yet, the 20 ms before may differ by what nobody
// hears beside it.
func TestOnsetsAreHeard(t *testing.T) {
	for _, complexity := range []int{3, 9} {
		for _, noise := range []int{0, 8} {
			t.Run(fmt.Sprint(complexity, noise), func(t *testing.T) {
				packets := onsets(t, callEncoder(t, opus.AppVoIP, complexity, 24000, 1), noise)
				if worst, skipped, silent := compareDecoders(t, packets); worst > 0.002 || skipped < silent/4 {
					t.Errorf("differs by %.5f, %d packets of %d were not decoded", worst, skipped, silent)
				}
			})
		}
	}
}

// onsets encodes the noise of a microphone with a tone of 100 ms in each second, which
// begins half a millisecond later in its packet each time.
func onsets(t *testing.T, enc *OpusEncoder, noise int) [][]byte {
	const period, length, loud = 48000 + 24, 4800, 6000
	rng := rand.New(rand.NewPCG(3, 4))
	return encodeOpus(t, enc, 45*50, func(n int) []int16 {
		pcm := make([]int16, 960)
		hiss(pcm, noise, rng)
		for i := range pcm {
			if at := (n*960 + i) % period; n > 50 && at < length {
				pcm[i] += int16(loud * math.Sin(2*math.Pi*440*float64(at)/48000))
			}
		}
		return pcm
	})
}

// TestBackgroundIsSteady: once it is known, noise that is now and then beyond what
// silence begins with is background too.
func TestBackgroundIsSteady(t *testing.T) {
	l := newListener(t)
	l.settle(8)
	skipped := 0
	for range 200 {
		pcm, spare := l.play(l.noise(12))
		if !Silent(pcm) {
			t.Fatal("background is heard")
		}
		if spare {
			skipped++
		}
	}
	if skipped < 160 {
		t.Errorf("%d packets of 200 were not decoded", skipped)
	}
}

// listener is somebody who may say something, heard by a decoder.
type listener struct {
	t   *testing.T
	enc *OpusEncoder
	dec *OpusDecoder
	rng *rand.Rand
}

func newListener(t *testing.T) *listener {
	t.Helper()
	dec, err := NewOpusDecoder()
	must(t, err)
	return &listener{t, callEncoder(t, opus.AppVoIP, 3, 32000, 1), dec, rand.New(rand.NewPCG(1, 2))}
}

// noise returns a packet of it.
func (l *listener) noise(peak int) []byte {
	l.t.Helper()
	pcm := make([]int16, 960)
	hiss(pcm, peak, l.rng)
	return encodeOpus(l.t, l.enc, 1, func(int) []int16 { return pcm })[0]
}

// play returns what is heard of a packet, and whether it was not decoded.
func (l *listener) play(packet []byte) (pcm []float32, skipped bool) {
	l.t.Helper()
	pcm, err := l.dec.Decode(packet)
	if err != nil {
		l.t.Fatal(err)
	}
	return pcm, l.dec.silence.spared > 0
}

// settle plays noise of so many of the lowest bits until it is not decoded any more.
func (l *listener) settle(peak int) {
	l.t.Helper()
	for range 300 {
		if _, skipped := l.play(l.noise(peak)); skipped {
			return
		}
	}
	l.t.Fatal("silence is decoded for ever")
}

// TestWhatIsNotSilenceIsDecoded: so is noise that may be heard, from its first packet
// on, a packet of sound that comes again and again, what comes after a loss until the
// decoder has come to rest, and DTX.
func TestWhatIsNotSilenceIsDecoded(t *testing.T) {
	l := newListener(t)
	for _, before := range []int{0, 8} {
		l.settle(before)
		for n := range 200 {
			pcm, skipped := l.play(l.noise(40))
			if skipped || n > 0 && Silent(pcm) {
				t.Fatalf("after noise of %d, packet %d of one of 40 is not decoded", before, n)
			}
		}
	}
	l.settle(8)
	for range 20 { // which ends the background
		l.play(l.noise(40))
	}
	for range 2000 {
		if _, skipped := l.play(l.noise(20)); skipped {
			t.Fatal("noise that is mostly no silence is not decoded")
		}
	}
	hum := l.noise(8000)
	for range 50 {
		if _, skipped := l.play(hum); skipped {
			t.Fatal("what is loud is not decoded where it comes again and again")
		}
	}
	l.settle(0)
	if _, err := l.dec.Conceal(320, nil); err != nil {
		t.Fatal(err)
	}
	for n := range silentFor {
		if _, skipped := l.play(l.noise(0)); skipped {
			t.Fatalf("packet %d after a loss is not decoded", n)
		}
	}
	l.settle(0)
	for n := range 3 {
		packet := l.noise(0)
		if n < 2 {
			packet = packet[:1] // DTX
		}
		if _, skipped := l.play(packet); skipped {
			t.Errorf("packet %d of DTX, or after it, is not decoded", n)
		}
	}
}

// TestBackgroundIsChecked: a packet that is louder than the background is decoded
// though it says that nobody speaks in it. What it sounds like is not known of one that
// seems no louder, so one of a few is decoded, and if it is loud all are.
func TestBackgroundIsChecked(t *testing.T) {
	l := newListener(t)
	loud := l.noise(400)
	for range 2000 { // until the encoder takes it for what is always there
		if loud = l.noise(400); toldBySILK(loud) {
			break
		}
	}
	l.enc = newListener(t).enc
	for _, level := range []float32{0, 100, 0} {
		l.settle(8)
		l.dec.silence.loudest[opusframe.SILK] = max(l.dec.silence.loudest[opusframe.SILK], level)
		skipped := 0
		for range 2 * backgroundCheck {
			if _, spare := l.play(loud); !spare {
				break
			}
			skipped++
		}
		if skipped > backgroundCheck || skipped > 0 != (level == 100) {
			t.Errorf("%d packets were not decoded where %v dB are low", skipped, level)
		}
		for range 100 {
			if pcm, spare := l.play(loud); spare || Silent(pcm) {
				t.Fatal("what is known to be loud is not decoded")
			}
		}
	}
}

func toldBySILK(packet []byte) bool {
	l, ok := new(opusframe.Meter).Read(packet)
	return ok && l.Code == opusframe.SILK
}

func TestSilenceAllocatesNothing(t *testing.T) {
	packets := talk(t, callEncoder(t, opus.AppVoIP, 3, 64000, 1), 1, 1000, 0)
	dec, err := NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	all := func() {
		for _, p := range packets {
			if _, err := dec.Decode(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	all()
	if n := testing.AllocsPerRun(3, all); n > 8 {
		t.Errorf("%v allocations for %d packets", n, len(packets))
	}
}
