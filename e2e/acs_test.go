package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// withEachSDK runs a test with every version of Azure's SDK.
func withEachSDK(t *testing.T, run func(t *testing.T, a sdk)) {
	t.Parallel()
	for _, version := range sdkVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			run(t, azure(t, version))
		})
	}
}

// hostChecks reports whether the SDK takes files only from hosts of Azure.
func (a sdk) hostChecks() bool { return a.version != "1.5.1" }

// serve runs a server whose files the SDK is willing to fetch.
func (a sdk) serve() secure {
	a.t.Helper()
	if a.hostChecks() {
		return serveTLS(a.t, contentName)
	}
	return serveTLS(a.t, "")
}

// A recording is made, fetched and deleted by an unmodified client, and what it
// fetched is the call without the pause.
func TestSDKRecords(t *testing.T) {
	withEachSDK(t, func(t *testing.T, a sdk) {
		s := a.serve()
		for i := range 2 {
			s.joinWithToken("room", camera(i, "vp8"))
		}
		s.await("room", 4)
		var got struct {
			Beyond struct {
				Status  int
				Message string
			}
		}
		a.run("lifecycle.mjs", &got, s.settings("room", s.url)...)
		if beyond := got.Beyond; beyond.Status != http.StatusRequestedRangeNotSatisfiable || beyond.Message == "" {
			t.Errorf("a range beyond the file: %+v", beyond)
		}
		m := open(t, filepath.Join(a.dir, "video.mp4"))
		checkPaused(t, m)
		checkBoth(t, m)
		checkSDKMetadata(t, filepath.Join(a.dir, "metadata.json"), m)
	})
}

// checkPaused checks that a pause of two seconds is left out.
func checkPaused(t *testing.T, m *movie) {
	t.Helper()
	if m.length() < 6*time.Second || m.length() > 8*time.Second {
		t.Errorf("%v long, of 8 s less 2 s of pause", m.length())
	}
	jump, last := time.Duration(0), time.Duration(-1)
	for _, img := range m.frames() {
		if now, ok := read(img, 2)[0]; ok {
			if last >= 0 {
				jump = max(jump, now-last)
			}
			last = now
		}
	}
	if jump < 2*time.Second || jump > 3*time.Second {
		t.Errorf("the pause is %v of the call", jump)
	}
}

func checkSDKMetadata(t *testing.T, file string, m *movie) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	var got struct {
		ChunkDuration        int64
		PauseResumeIntervals []struct{ Duration int64 }
		RecordingInfo        struct{ ContentType, ChannelType, Format string }
		Participants         []struct{ ParticipantID string }
	}
	must(t, json.Unmarshal(text, &got))
	info := got.RecordingInfo
	if got.ChunkDuration != m.length().Milliseconds() || len(got.PauseResumeIntervals) != 1 || got.PauseResumeIntervals[0].Duration < 1900 ||
		len(got.Participants) != 2 || info.ContentType != "audioVideo" || info.ChannelType != "mixed" || info.Format != "mp4" {
		t.Errorf("%s", text)
	}
}

func TestSDKErrors(t *testing.T) {
	withEachSDK(t, func(t *testing.T, a sdk) {
		s := a.serve()
		var got struct{ OwnHost string }
		a.run("errors.mjs", &got, s.settings("room", s.url)...)
		// Where the SDK insists on hosts of Azure, it says so before it asks.
		if insists := strings.Contains(got.OwnHost, "not a valid Azure Communication Services recording endpoint"); insists != a.hostChecks() {
			t.Errorf("a file at the server's own host: %s", got.OwnHost)
		}
	})
}

func TestSDKStarts(t *testing.T) {
	withEachSDK(t, func(_ *testing.T, a sdk) {
		s := a.serve()
		a.run("starts.mjs", &struct{}{}, s.settings("room", s.url)...)
	})
}

func TestSDKSignatures(t *testing.T) {
	withEachSDK(t, func(_ *testing.T, a sdk) {
		s := a.serve()
		a.run("signatures.mjs", &struct{}{}, s.settings("room", s.url)...)
	})
}

// A start whose answer was lost is not carried out twice when it is repeated, and
// neither is what follows.
func TestSDKRepeatsWhatWasLost(t *testing.T) {
	withEachSDK(t, func(t *testing.T, a sdk) {
		s := a.serve()
		between := s.behindForgetful()
		var got, lost struct{ RecordingID string }
		a.run("lost.mjs", &got, s.settings("room", between.url)...)
		decode(t, between.answered(), &lost)
		if lost.RecordingID == "" || got.RecordingID != lost.RecordingID {
			t.Errorf("the lost answer was of recording %q, the SDK has %q", lost.RecordingID, got.RecordingID)
		}
		var all struct {
			Recordings []struct {
				RecordingID string
				Pauses      []pause
			}
		}
		s.do(http.MethodGet, "/recordings", &all)
		if len(all.Recordings) != 1 || len(all.Recordings[0].Pauses) != 1 {
			t.Errorf("%+v", all)
		}
	})
}
