package codec

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestFirstLayer(t *testing.T) {
	const (
		delimiter, sequence, plain = "1200 ", "0a0155 ", "3202aabb "
		lowest, lowestMore         = "360001aa ", "260001ab " // a frame and a tile group
		middle, highest            = "360801bb ", "361001cc "
	)
	tests := []struct{ name, in, first string }{
		{"no layers", delimiter + sequence + plain, delimiter + sequence + plain},
		{"two frames of one layer", delimiter + plain + plain, delimiter + plain + plain},
		{"three layers", delimiter + sequence + lowest + lowestMore + middle + highest, delimiter + sequence + lowest + lowestMore},
		{"the rest of them", middle + highest, middle},
		{"the last", highest, highest},
		{"no sizes", "3000aa" + middle, "3000aa" + middle},
		{"size beyond the end", lowest + "3608ffbb", lowest + "3608ffbb"},
		{"header at the end", lowest + "36", lowest + "36"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := hex.DecodeString(strings.ReplaceAll(tt.in, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(tt.first, " ", "")
			if got := hex.EncodeToString(firstLayer(in)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
