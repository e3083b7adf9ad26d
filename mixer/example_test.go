package mixer_test

import (
	"fmt"

	"github.com/callreel/callreel/mixer"
)

func Example() {
	m := mixer.New(mixer.Config{}) // 16 kHz
	ann, bob := m.Add(), m.Add()

	voice := make([]float32, 1600) // 100 ms
	for i := range voice {
		voice[i] = 0.25
	}
	ann.WriteAt(0, voice)
	bob.WriteAt(800, voice) // starts 50 ms later

	out := make([]int16, 3200)
	m.MixAt(0, out)
	late := bob.WriteAt(0, voice)
	fmt.Println("ann:", out[400], "both:", out[1200], "bob:", out[2000], "nobody:", out[3000])
	fmt.Println("too late:", late)
	// Output:
	// ann: 8192 both: 16384 bob: 8192 nobody: 0
	// too late: 1600
}
