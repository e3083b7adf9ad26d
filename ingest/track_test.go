package ingest

import (
	"errors"
	"strings"
	"testing"
)

func TestCodecByMime(t *testing.T) {
	for _, mime := range []string{"video/VP8", "VIDEO/vp9", "video/h264", "video/AV1", "Audio/Opus", "audio/pcmu", "audio/PCMA", "audio/G722"} {
		c, err := CodecByMime(mime)
		if err != nil || !strings.EqualFold(c.MimeType, mime) || c.ClockRate == 0 {
			t.Errorf("%s: %+v, %v", mime, c, err)
		}
		if kind, _, _ := strings.Cut(c.MimeType, "/"); kind != c.Kind.String() {
			t.Errorf("%s is %v", mime, c.Kind)
		}
	}
	for _, mime := range []string{"", "video", "video/H265", "audio/red"} {
		if _, err := CodecByMime(mime); !errors.Is(err, ErrUnknownCodec) {
			t.Errorf("%q: %v", mime, err)
		}
	}
}

func TestNormalise(t *testing.T) {
	p := Participant{ID: "ann"}
	got := TrackInfo{Participant: p, MimeType: "VIDEO/vp8", Role: Screen}
	if err := got.Normalise(); err != nil {
		t.Fatal(err)
	}
	expect(t, "ID", got.ID, "screen/video")
	expect(t, "MIME type", got.MimeType, "video/VP8")
	expect(t, "clock rate", got.ClockRate, 90000)
	expect(t, "kind", got.Kind(), Video)

	got = TrackInfo{Participant: p, MimeType: "audio/OPUS", ID: "mic", ClockRate: 16000}
	if err := got.Normalise(); err != nil {
		t.Fatal(err)
	}
	expect(t, "ID", got.ID, "mic")
	expect(t, "clock rate", got.ClockRate, 16000)
	expect(t, "kind", got.Kind(), Audio)
}

func TestNormaliseErrors(t *testing.T) {
	good := func() TrackInfo { return TrackInfo{Participant: Participant{ID: "ann"}, MimeType: "audio/opus"} }
	tests := []struct {
		name  string
		spoil func(*TrackInfo)
		want  error
	}{
		{"codec", func(ti *TrackInfo) { ti.MimeType = "audio/mp3" }, ErrUnknownCodec},
		{"no participant", func(ti *TrackInfo) { ti.Participant.ID = "" }, ErrInvalid},
		{"long participant", func(ti *TrackInfo) { ti.Participant.ID = strings.Repeat("x", 257) }, ErrInvalid},
		{"name", func(ti *TrackInfo) { ti.Participant.Name = "a\x00b" }, ErrInvalid},
		{"track ID", func(ti *TrackInfo) { ti.ID = "a\xff" }, ErrInvalid},
		{"RID", func(ti *TrackInfo) { ti.RID = "\n" }, ErrInvalid},
		{"role", func(ti *TrackInfo) { ti.Role = 7 }, ErrInvalid},
		{"clock rate", func(ti *TrackInfo) { ti.ClockRate = 1 << 31 }, ErrInvalid},
		{"fmtp", func(ti *TrackInfo) { ti.Fmtp = strings.Repeat("x", 1<<20) }, ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := good()
			tt.spoil(&got)
			before := got
			if err := got.Normalise(); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			expect(t, "description", got, before)
		})
	}
	limit := good()
	limit.Participant.ID = strings.Repeat("é", 128)
	if err := limit.Normalise(); err != nil {
		t.Error(err)
	}
}
