package mixer

import (
	"fmt"
	"testing"
)

// BenchmarkMix reports the cost of a second of audio.
func BenchmarkMix(b *testing.B) {
	for _, n := range []int{1, 9, 25} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, ins := speakers(n)
			pcm, out := sine(320, 440, 0.3), make([]int16, 2000)
			var pos int64
			b.ReportAllocs()
			for b.Loop() {
				for range 8 {
					for at := int64(0); at < 2000; at += 320 {
						for _, in := range ins {
							in.WriteAt(pos+at+attackLen, pcm)
						}
					}
					m.MixAt(pos, out)
					pos += int64(len(out))
				}
			}
		})
	}
}
