package muxer

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// A file that is cut off after a checkpoint has all before it, of both tracks; one
// that goes on is as if there had been none.
func TestCheckpoint(t *testing.T) {
	s := bframes(t, 0)
	_, whole := record(t, s)
	for _, pos := range []int64{6000, 18000, 2 * TickRate, 2*TickRate + 6000, 5*TickRate - 6000, s.end - 6000} {
		t.Run(fmt.Sprint(pos), func(t *testing.T) {
			cut, all := checkpointed(t, s, pos)
			f := &memFile{data: append(bytes.Clone(cut), all[len(cut):len(cut)+20]...)} // some of what follows
			info, err := Finish(f, int64(len(f.data)))
			if err != nil || info.Duration != pos || info.Trimmed != 20 {
				t.Fatalf("%+v, %v", info, err)
			}
			done := bytes.Clone(f.data)
			if again, err := Finish(f, int64(len(done))); err != nil || !bytes.Equal(f.data, done) || again.Fragments != info.Fragments {
				t.Errorf("once more: %+v after %+v, %v", again, info, err)
			}
			if seen, err := Examine(&memFile{data: cut}, int64(len(cut))); err != nil || seen.Duration != pos || seen.Fragments != info.Fragments {
				t.Errorf("looked at: %+v, %v", seen, err)
			}
			checkGrid(t, f.data, pos)
			sound := decodeAudio(t, whole[0].data)
			if got := decodeAudio(t, f.data); !bytes.Equal(got, sound[:pos/3*4]) {
				t.Error("what was cut off sounds different")
			}
			checkGrid(t, all, s.end)
			if got := decodeAudio(t, all); !bytes.Equal(got, sound) {
				t.Error("what went on sounds different")
			}
		})
	}
}

// checkpointed muxes a source whose sound comes three frames late, and tells what
// the file is like after a checkpoint and at the end.
func checkpointed(t *testing.T, s source, pos int64) (cut, all []byte) {
	t.Helper()
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	audio := s.audio
	sound := func(until int64) (written []Sample) {
		for len(audio) > 0 && audio[0].PTS*3 < until {
			written, audio = append(written, audio[0]), audio[1:]
		}
		return written
	}
	for i, v := range s.video {
		if v.PTS == pos {
			before := audio
			if err := m.Checkpoint(pos, sound(pos)); err != nil {
				t.Fatal(err)
			}
			if m.Synced() != pos {
				t.Errorf("synced up to %d", m.Synced())
			}
			cut, audio = bytes.Clone(fs[0].data), before
		}
		if err := m.WriteVideo(v); err != nil {
			t.Fatal(err)
		}
		until := v.PTS + v.Duration - 3*1024*3
		if i == len(s.video)-1 {
			until = s.end
		}
		for _, a := range sound(until) {
			if err := m.WriteAudio(a); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := m.Close(s.end); err != nil {
		t.Fatal(err)
	}
	return cut, fs[0].data
}

func TestCheckpointRefuses(t *testing.T) {
	s := bframes(t, 0)
	var fs files
	m, err := New(s.cfg, fs.create)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Checkpoint(6000, s.audio[:1]); err != nil || len(fs) > 0 {
		t.Errorf("%d files, %v", len(fs), err)
	}
	if err := m.WriteAudio(s.audio[0]); err != nil {
		t.Fatal(err)
	}
	if err := m.Checkpoint(6000, s.audio[1:2]); err != nil || len(fs[0].data) > 0 {
		t.Errorf("without a picture: %d bytes, %v", len(fs[0].data), err)
	}
	if err := m.Checkpoint(6000, s.audio[2:3]); !errors.Is(err, ErrHole) {
		t.Errorf("with a hole: %v", err)
	}
	if err := m.WriteVideo(s.video[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Close(6000); !errors.Is(err, ErrShort) {
		t.Errorf("%v", err)
	}
	if err := m.Checkpoint(6000, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
