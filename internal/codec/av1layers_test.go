package codec

import (
	"bytes"
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

// Whatever a unit is, it goes to the decoder in pieces, and all of it.
func FuzzFirstLayer(f *testing.F) {
	f.Add([]byte("\x12\x00\x0a\x01\x55\x36\x00\x01\xaa\x36\x08\x01\xbb\x36\x10\x01\xcc"))
	f.Add([]byte("\x30\x00\xaa\x36\x08\xff\xbb"))
	f.Fuzz(func(t *testing.T, unit []byte) {
		var got []byte
		for rest := unit; len(rest) > 0; rest = rest[len(firstLayer(rest)):] {
			if len(firstLayer(rest)) == 0 {
				t.Fatal("an empty piece")
			}
			got = append(got, firstLayer(rest)...)
		}
		if !bytes.Equal(got, unit) {
			t.Errorf("got %x, want %x", got, unit)
		}
	})
}
