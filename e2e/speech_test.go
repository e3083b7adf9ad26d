package e2e

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"time"
)

// speak makes something like speech at 48 kHz: syllables of a voice whose pitch and
// formants change, each after a short noise, with pauses between words.
func speak(pcm []float64) {
	rng := rand.New(rand.NewPCG(3, 4))
	for len(pcm) > 0 {
		n := min(len(pcm), fakeRate*(140+rng.IntN(120))/1000)
		if rng.IntN(4) > 0 {
			syllable(pcm[:n], rng)
		}
		pcm = pcm[n:]
	}
}

func syllable(pcm []float64, rng *rand.Rand) {
	const loudness = 0.25
	pitch, glide := 100+60*rng.Float64(), 0.8+0.4*rng.Float64()
	formants := [2]float64{300 + 500*rng.Float64(), 900 + 1500*rng.Float64()}
	hiss := len(pcm) / 5
	phase := 0.0
	for i := range pcm {
		at := float64(i) / float64(len(pcm))
		envelope := loudness * math.Sqrt(math.Sin(math.Pi*at))
		if i < hiss {
			pcm[i] = envelope * 0.3 * (2*rng.Float64() - 1)
			continue
		}
		f := pitch * (1 + (glide-1)*at)
		phase += 2 * math.Pi * f / fakeRate
		pcm[i] = envelope * voiced(phase, f, formants)
	}
}

// voiced is the sum of a voice's harmonics, strongest at the formants.
func voiced(phase, pitch float64, formants [2]float64) (v float64) {
	turn := cmplx.Rect(1, phase)
	at := turn // of the k-th harmonic
	for k := 1.0; k*pitch < 3500; k++ {
		gain := 0.02
		for i, f := range formants {
			d := (k*pitch - f) / 120
			gain += 0.5 / float64(i+1) / (1 + d*d)
		}
		v += gain * imag(at)
		at *= turn
	}
	return v
}

// voiceFrame is the time over which loudness is compared, band by band.
const voiceFrame = 20 * time.Millisecond

// voiceBands are the edges of the bands of a voice, in units of 50 Hz: 150 to 4000 Hz.
func voiceBands() []int { return []int{3, 5, 7, 10, 14, 20, 28, 40, 56, 80} }

// spectrogram returns the amplitudes of a voice's bands, by band and frame.
func (s samples) spectrogram() [][]float64 {
	const n = int(voiceFrame * sampleRate / time.Second)
	edges := voiceBands()
	out := make([][]float64, len(edges)-1)
	for ; len(s) >= n; s = s[n:] {
		for b := range out {
			sum := 0.0
			for bin := edges[b]; bin < edges[b+1]; bin++ {
				a := s[:n].level(bin * sampleRate / n)
				sum += a * a
			}
			out[b] = append(out[b], math.Sqrt(sum))
		}
	}
	return out
}

// intelligibility compares speech with the original that it is aligned with: the
// correlation of the amplitudes in each band over stretches of 400 ms, on average
// over bands and the stretches in which somebody speaks, much as in the short-time
// objective intelligibility measure of Taal et al. (2011). 1 is perfect; what follows
// something else has about 0.
func intelligibility(original, heard samples) float64 {
	const stretch = 20 // frames
	a, b := original.spectrogram(), heard.spectrogram()
	sum, count := 0.0, 0
	for band := range a {
		floor := slices.Max(a[band]) / 20
		for i := 0; i+stretch <= min(len(a[band]), len(b[band])); i += stretch {
			x, y := a[band][i:i+stretch], b[band][i:i+stretch]
			if slices.Max(x) > floor {
				sum += correlation(x, y)
				count++
			}
		}
	}
	return sum / float64(max(count, 1))
}

// correlation is Pearson's.
func correlation(x, y []float64) float64 {
	mx, my := average(x), average(y)
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

func average(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// align returns at which sample of original heard begins, close to a guess: where
// their waveforms agree best.
func align(original, heard samples, guess int) int {
	const reach = sampleRate / 10
	best, at := -2.0, guess
	for lag := max(guess-reach, 0); lag <= guess+reach; lag++ {
		n := min(len(heard), len(original)-lag, 5*sampleRate)
		if n <= 0 {
			break
		}
		if c := correlation(original[lag:lag+n], heard[:n]); c > best {
			best, at = c, lag
		}
	}
	return at
}
