package muxer

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
)

// Fragments are what mp4ff makes of what it reads in them.
func TestFragmentsAreWhatMP4FFWrites(t *testing.T) {
	cut, all := checkpointed(t, bframes(t, 3), 3*TickRate)
	_, chunks := record(t, bframes(t, 3), 4*TickRate)
	for name, data := range map[string][]byte{"with a spare fragment": cut, "went on after it": all, "first": chunks[0].data, "second": chunks[1].data} {
		file, err := mp4.DecodeFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		fragments := 0
		for _, s := range file.Segments {
			for _, f := range s.Fragments {
				fragments++
				for _, b := range []mp4.Box{f.Moof, f.Mdat} {
					var want bytes.Buffer
					if err := b.Encode(&want); err != nil {
						t.Fatal(err)
					}
					at := f.StartPos
					if b.Type() == "mdat" {
						at += f.Moof.Size()
					}
					if got := data[at:][:want.Len()]; !bytes.Equal(got, want.Bytes()) {
						t.Errorf("%s: fragment %d: %s\n%x, want\n%x", name, fragments, b.Type(), got, want.Bytes())
					}
				}
			}
		}
		if fragments < 2 {
			t.Errorf("%s: %d fragments", name, fragments)
		}
	}
}

// void is a File that keeps nothing.
type void struct{ File }

func (void) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (void) Sync() error                            { return nil }

// Once it runs, nothing is allocated for a sample, and once for a fragment: what its
// checksum is made of.
func TestAllocations(t *testing.T) {
	s := bframes(t, 0)
	m, err := New(s.cfg, func(int) (File, error) { return void{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	const frame, perFragment, most = TickRate / 8, 16, 1
	picture, heard, pos := s.video[0], s.audio[0], int64(0)
	fragment := func() {
		for range perFragment {
			picture.PTS, picture.DTS, picture.Duration = pos, pos, frame
			pos += frame
			if err := m.WriteVideo(picture); err != nil {
				t.Fatal(err)
			}
			for ; heard.PTS*3 < pos; heard.PTS += heard.Duration {
				if err := m.WriteAudio(heard); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for range 10 {
		fragment()
	}
	before := m.Current().Fragments
	if n := testing.AllocsPerRun(20, fragment); n > most {
		t.Errorf("%v allocations for a fragment of %d pictures", n, perFragment)
	}
	if n := m.Current().Fragments - before; n != 21 {
		t.Errorf("%d fragments", n)
	}
}
