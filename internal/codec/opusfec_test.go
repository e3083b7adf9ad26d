package codec

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hraban/opus"
)

// speechlike fills pcm with something that the encoder takes for speech.
func speechlike(pcm []int16, at int, rng *rand.Rand) {
	for i := range pcm {
		t := float64(at+i) / 16000
		pcm[i] = int16(6000*math.Sin(2*math.Pi*(160+30*math.Sin(5*t))*t)*(0.6+0.4*math.Sin(25*t)) + 500*rng.NormFloat64())
	}
}

func TestRedundancyIsFound(t *testing.T) {
	for _, fec := range []bool{false, true} {
		for _, channels := range []int{1, 2} {
			for _, ms := range []int{10, 20, 40, 60} {
				found, all := encodeSpeech(t, fec, channels, ms)
				if !fec && found > 0 || fec && found < all/4 {
					t.Errorf("FEC %v, %d channels, %d ms: redundancy in %d of %d packets", fec, channels, ms, found, all)
				}
			}
		}
	}
}

func encodeSpeech(t *testing.T, fec bool, channels, ms int) (found, all int) {
	t.Helper()
	enc, err := opus.NewEncoder(16000, channels, opus.AppVoIP)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []error{enc.SetInBandFEC(fec), enc.SetPacketLossPerc(30), enc.SetBitrate(24000)} {
		if set != nil {
			t.Fatal(set)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	mono, buf := make([]int16, 16*ms), make([]byte, 4000)
	for at := 0; at < 16000*3; at += len(mono) {
		speechlike(mono, at, rng)
		pcm := mono
		if channels == 2 {
			pcm = make([]int16, 2*len(mono))
			for i, x := range mono {
				pcm[2*i], pcm[2*i+1] = x, x
			}
		}
		n, err := enc.Encode(pcm, buf)
		if err != nil {
			t.Fatal(err)
		}
		all++
		if OpusRedundant(buf[:n]) {
			found++
		}
	}
	return found, all
}

func FuzzOpusRedundant(f *testing.F) {
	f.Add([]byte{0x0b, 0xc3, 0xff, 0x00, 0x10, 0x80})
	f.Add([]byte{0x4a, 252, 1, 0x40})
	f.Fuzz(func(_ *testing.T, p []byte) { OpusRedundant(p) })
}
