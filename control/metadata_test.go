package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/inspect"
	"github.com/callreel/callreel/internal/simulate"
)

const storedMetadata = `{"resourceId":"r","callId":"c","chunkDocumentId":"0-old","chunkIndex":0,"chunkStartTime":"2026-01-02T03:04:05.0000000Z","chunkDuration":1,` +
	`"pauseResumeIntervals":[],"recordingInfo":{"contentType":"audioVideo","channelType":"mixed","format":"mp4","audioConfiguration":{"sampleRate":"16000","bitRate":1,"channels":1},` +
	`"videoConfiguration":{"longerSideLength":2,"shorterSideLength":1,"framerate":8,"bitRate":1}},"participants":[{"participantId":"a"}]}`

// Each API has its own form of the one stored file.
func TestMetadataForms(t *testing.T) {
	r := newRig(t, nil)
	r.put("0-old", "media", nil)
	var seed, released struct {
		ChunkDuration *int64
		RecordingInfo struct {
			AudioConfiguration struct{ SampleRate any }
			VideoConfiguration *struct{}
		}
		Participants []map[string]any
	}
	r.do("GET", "/recording/download/0-old/metadata", "").json(&seed)
	if seed.RecordingInfo.AudioConfiguration.SampleRate != "16000" || len(seed.Participants) != 1 || len(seed.Participants[0]) != 1 {
		t.Errorf("seed: %+v", seed)
	}
	a := r.do("GET", "/v1/objects/0-old/content/acsmetadata", "")
	a.json(&released)
	if released.RecordingInfo.AudioConfiguration.SampleRate != 16000.0 || released.RecordingInfo.VideoConfiguration == nil || released.ChunkDuration == nil ||
		len(released.Participants) != 1 || released.Participants[0]["channel"] != 0.0 || released.Participants[0]["participantId"] != "a" {
		t.Errorf("released: %s", a.Body)
	}
	h := a.Header()
	if h.Get("ETag") == "" || h.Get("Content-Type") != "application/json" {
		t.Errorf("%v", h)
	}
	if part := r.do("GET", "/v1/objects/0-old/content/acsmetadata", "", "Range", "bytes=0-1"); part.Code != 206 || part.Body.String() != "{\n" {
		t.Errorf("a part: %d %q", part.Code, part.Body)
	}
	if same := r.do("GET", "/v1/objects/0-old/content/acsmetadata", "", "If-None-Match", h.Get("ETag")); same.Code != 304 {
		t.Errorf("the same: %d", same.Code)
	}
}

// metadata is a metadata file as the released API hands it out.
type metadata struct {
	ResourceID, CallID, ChunkDocumentID string
	ChunkIndex                          int
	ChunkStartTime                      time.Time
	ChunkDuration                       int64
	PauseResumeIntervals                []struct {
		StartTime time.Time
		Duration  int64
	}
	RecordingInfo struct {
		ContentType, ChannelType, Format string
		AudioConfiguration               struct {
			SampleRate, Channels int
			BitRate              int64
		}
		VideoConfiguration struct {
			LongerSideLength, ShorterSideLength, Framerate int
			BitRate                                        int64
		}
	}
	Participants []struct{ ParticipantID string }
}

// What a metadata file says of a call over WebRTC is what is in its file, and
// what happened.
func TestMetadataIsTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("a call of a quarter of a minute: skipped with -short")
	}
	t.Parallel()
	r := newRig(t, func(c *control.Config) {
		c.TrustLoopback, c.WHIP = true, whip.Config{Loopback: true}
		c.Recording.ChunkDuration, c.Recording.RejoinGrace = 10*time.Second, -1
	})
	web := httptest.NewServer(r.handler)
	defer web.Close()
	before := r.attend(web, 1)
	stays := r.attend(web, 2)
	goes := r.attend(web, 3)
	r.await(3)
	before()
	r.await(2)
	id := r.start("room")
	r.pass(time.Second)
	goes()
	r.await(1)
	comes := r.attend(web, 4)
	r.await(2)
	paused := time.Now()
	r.do("POST", "/conversations/room/recordings/"+id+"/Pause", "")
	r.pass(1500 * time.Millisecond)
	r.do("POST", "/conversations/room/recordings/"+id+"/Resume", "")
	resumed := time.Now()
	r.pass(1500 * time.Millisecond)
	comes()
	r.await(1)
	last := r.attend(web, 5)
	r.await(2)
	r.pass(9 * time.Second)
	for _, path := range []string{"/conversations/room", "/conversations", "/recordings/" + id, "/call/room/state", "/metrics"} {
		if a := r.do("GET", path, ""); a.Code != 200 { // do holds it against its description
			t.Errorf("%s: %d", path, a.Code)
		}
	}
	r.do("DELETE", "/conversations/room/recordings/"+id, "")
	if a := r.do("GET", "/recordings/"+id+"/report", ""); a.Code != 200 {
		t.Errorf("report: %d", a.Code)
	}
	last()
	stays()

	var d struct {
		StartTime time.Time
		Chunks    []struct{ DocumentID string }
	}
	r.do("GET", "/recordings/"+id, "").json(&d)
	if len(d.Chunks) != 2 {
		t.Fatalf("%+v", d)
	}
	start := d.StartTime
	for i, want := range [][]string{{"simulated-2", "simulated-3", "simulated-4", "simulated-5"}, {"simulated-2", "simulated-5"}} {
		var m metadata
		r.do("GET", "/v1/objects/"+d.Chunks[i].DocumentID+"/content/acsmetadata", "").json(&m)
		if m.CallID != "room" || m.ChunkDocumentID != d.Chunks[i].DocumentID || m.ChunkIndex != i || m.ChunkStartTime.Sub(start).Abs() > 2*time.Millisecond {
			t.Errorf("chunk %d: %+v, want it to start at %v", i, m, start)
		}
		start = start.Add(time.Duration(m.ChunkDuration) * time.Millisecond)
		if i == 0 {
			if len(m.PauseResumeIntervals) != 1 {
				t.Fatalf("pauses %v", m.PauseResumeIntervals)
			}
			p := m.PauseResumeIntervals[0]
			length := time.Duration(p.Duration) * time.Millisecond
			if p.StartTime.Before(paused.Add(-50*time.Millisecond)) || p.StartTime.Add(length).After(resumed.Add(50*time.Millisecond)) || length < 1400*time.Millisecond {
				t.Errorf("a pause from %v for %v, want within %v and %v", p.StartTime, length, paused, resumed)
			}
			start = start.Add(length)
		} else if len(m.PauseResumeIntervals) != 0 {
			t.Errorf("chunk %d has pauses %v", i, m.PauseResumeIntervals)
		}
		var people []string
		for _, p := range m.Participants {
			people = append(people, p.ParticipantID)
		}
		slices.Sort(people)
		if !slices.Equal(people, want) {
			t.Errorf("chunk %d is of %v, want %v", i, people, want)
		}
		r.compare(m)
	}
}

// attend lets a simulated participant be in the room until the returned function
// has been called.
func (r *rig) attend(web *httptest.Server, index int) (leave func()) {
	p, err := simulate.New(simulate.Config{
		Endpoint: web.URL + "/whip/room", HTTPClient: web.Client(),
		Index: index, Video: "vp8", Audio: "opus", Width: 320, Height: 180, FPS: 10,
	})
	r.check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() {
		cancel()
		r.check(<-ended)
	}
}

// await waits until so many are in the room.
func (r *rig) await(people int) {
	r.t.Helper()
	for range 200 {
		if conv, ok := r.engine.Lookup("room"); ok && len(conv.Info().Participants) == people {
			return
		}
		r.pass(50 * time.Millisecond)
	}
	r.t.Fatalf("there never were %d in the room", people)
}

// pass lets a call over a network go on.
func (r *rig) pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// compare holds metadata against the file that they are of.
func (r *rig) compare(m metadata) {
	r.t.Helper()
	media := r.do("GET", "/v1/objects/"+m.ChunkDocumentID+"/content/video", "").Body.Bytes()
	file, err := inspect.File(bytes.NewReader(media), int64(len(media)))
	r.check(err)
	info := m.RecordingInfo
	if info.ContentType != "audioVideo" || info.ChannelType != "mixed" || info.Format != "mp4" || len(file.Tracks) != 2 {
		r.t.Errorf("%+v of %d tracks", info, len(file.Tracks))
	}
	// A chunk has up to three frames of sound that are hidden, of 64 ms each, and
	// with half more bits than there are on average, as where somebody begins to
	// speak. Where nobody speaks there are next to none.
	hidden := 1.5 * 48000 * 3 * 64 / float64(m.ChunkDuration)
	near := func(got, want int64, off float64) bool { return math.Abs(float64(got-want)) <= 0.01*float64(want)+off }
	for _, track := range file.Tracks {
		ms := track.Duration * 1000 / track.Timescale
		if diff := ms - m.ChunkDuration; diff < -1 || diff > 1 {
			r.t.Errorf("%s lasts %d ms, not %d", track.Kind, ms, m.ChunkDuration)
		}
		switch v, a := info.VideoConfiguration, info.AudioConfiguration; track.Kind {
		case "video":
			if v.LongerSideLength != track.Width || v.ShorterSideLength != track.Height || track.FrameRate != "8" || v.Framerate != 8 || !near(v.BitRate, track.BitRate, 0) {
				r.t.Errorf("%+v of %dx%d at %s frames/s, %d bit/s", v, track.Width, track.Height, track.FrameRate, track.BitRate)
			}
		case "audio":
			if a.SampleRate != track.SampleRate || a.Channels != track.Channels || !near(a.BitRate, track.BitRate, hidden) {
				r.t.Errorf("%+v of %d Hz, %d channels, %d bit/s", a, track.SampleRate, track.Channels, track.BitRate)
			}
		}
	}
	if b, err := json.Marshal(m); err != nil || bytes.Contains(b, []byte(`"bitRate":0`)) {
		r.t.Errorf("%s, %v", b, err)
	}
}
