package ingest

import (
	"reflect"
	"testing"

	"github.com/callreel/callreel/internal/timebase"
)

// An idle receiver hands nothing out, and counts and tells of the layers as any
// other. It goes on with a key frame.
func TestIdle(t *testing.T) {
	codec, err := CodecByMime("video/VP8")
	if err != nil {
		t.Fatal(err)
	}
	const from, lost, to, key = 50, 128, 250, 300 // the lost one is of the lowest layer
	r, busy := NewReceiver(ReceiverConfig{Codec: codec}), NewReceiver(ReceiverConfig{Codec: codec})
	for i, p := range pictures(t, 400, 500) {
		if i == lost {
			continue
		}
		if i == from || i == to {
			r.Idle(i == from)
		}
		at := timebase.Ticks(i) * 1600
		r.Push(p, at)
		busy.Push(p, at)
		want, there := busy.Pop()
		got, ok := r.Pop()
		if i == key && got.Dropped == key-to {
			got.Dropped = 0
		}
		switch handed := i < from || i >= key; {
		case !handed && ok:
			t.Fatalf("picture %d is handed out", i)
		case handed && (ok != there || !reflect.DeepEqual(got, want)):
			t.Fatalf("picture %d: %v %v, want %v %v", i, got.RTP, ok, want.RTP, there)
		}
		if l, w := r.Layers(), busy.Layers(); !reflect.DeepEqual(l, w) {
			t.Fatalf("picture %d: %+v, want %+v", i, l, w)
		}
	}
	got, want := r.Stats(), busy.Stats()
	left := want.Units - got.Units
	want.Units, want.Unwanted, want.FramesDropped = got.Units, got.Unwanted, got.FramesDropped
	if got != want || got.Lost != 1 || got.Freezes != 1 || got.KeyFrames != 4 {
		t.Errorf("%+v, want %+v", got, want)
	}
	if left != got.Unwanted+key-to {
		t.Errorf("%d units fewer, of which %d were idle", left, got.Unwanted)
	}
}
