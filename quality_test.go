package callreel_test

import (
	"bytes"
	"errors"
	"image"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/storage"
)

// What a quality asks of the encoder, libx264 knows; what is asked besides counts
// more; and files are the smaller the cheaper the quality.
func TestQualities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		leave := r.join(person(r.conversation("room"), 1, time.Now()))
		time.Sleep(time.Second)
		size := func(v callreel.VideoSettings) (bytes int64) {
			cfg := smallConfig("room")
			cfg.Video = v
			rec := r.start(cfg)
			time.Sleep(4 * time.Second)
			res := r.stop(rec)
			m := decode(t, r.file(res.Chunks[0]), small)
			if len(m.frames) != 32 {
				t.Errorf("%+v: %d frames", v, len(m.frames))
			}
			return res.Chunks[0].Bytes
		}
		economy := size(callreel.VideoSettings{Quality: callreel.Economy})
		balanced := size(callreel.VideoSettings{})
		fine := size(callreel.VideoSettings{Quality: callreel.Fine})
		if economy >= balanced || balanced >= fine {
			t.Errorf("files of %d, %d and %d bytes", economy, balanced, fine)
		}
		if more := size(callreel.VideoSettings{Quality: callreel.Economy, Options: map[string]string{"crf": "12"}}); more <= fine {
			t.Errorf("%d bytes with crf 12, %d when fine", more, fine)
		}
		leave()
	})
}

// An encoder that is not there is an error; one whose hardware is not, or busy,
// gives way to libx264, and that is said.
func TestEncoderThatCannotBeOpened(t *testing.T) {
	const hardware = "h264_nvenc"
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{Encoder: hardware, Width: 640, Height: 360, FrameRate: 8, KeyInterval: 8})
	if err == nil {
		enc.Close()
	}
	if !errors.Is(err, codec.ErrUnavailable) {
		t.Skipf("libavcodec has no %s, or there is such a GPU: %v", hardware, err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := &rig{t: t, dir: t.TempDir()}
		var err error
		r.eng, err = callreel.New(callreel.Config{
			Storage: storage.Dir(filepath.Join(r.dir, "store")), Spool: filepath.Join(r.dir, "spool"),
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		leave := r.join(person(r.conversation("room"), 1, time.Now().Add(time.Hour)))
		time.Sleep(time.Second)
		cfg := smallConfig("room")
		cfg.Video = callreel.VideoSettings{Encoder: hardware, Options: map[string]string{"rc": "vbr"}}
		rec := r.start(cfg)
		time.Sleep(4 * time.Second)
		res := r.stop(rec)
		leave()
		m := decode(t, r.file(res.Chunks[0]), image.Pt(640, 360))
		m.shows(28, grid(1)[0], 46)
		if !strings.Contains(log.String(), "encoder="+hardware) || strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("log: %s", log.String())
		}
		cfg.Video = callreel.VideoSettings{Encoder: "nope"}
		if _, err := r.eng.Start(t.Context(), cfg); !errors.Is(err, callreel.ErrInvalid) {
			t.Errorf("unknown encoder: %v", err)
		}
	})
}
