package control_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/token"
)

func TestReport(t *testing.T) {
	r := newRig(t, nil)
	a := r.do("POST", "/conversations/room/Recordings", `{"composingDelayMs":300}`)
	var started struct{ RecordingID string }
	a.json(&started)
	path := "/recordings/" + started.RecordingID + "/report"
	if a := r.do("GET", path, ""); a.Code != 404 || a.code() != "8522" {
		t.Errorf("while recording: %d %s", a.Code, a.Body)
	}
	r.do("DELETE", "/conversations/room/recordings/"+started.RecordingID, "")
	a = r.do("GET", path, "")
	var report callreel.Report
	a.json(&report)
	if a.Code != 200 || report.Recording != started.RecordingID || report.Verdict != callreel.Pass {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	var d struct{ Verdict callreel.Verdict }
	if r.do("GET", "/recordings/"+started.RecordingID, "").json(&d); d.Verdict != callreel.Pass {
		t.Errorf("verdict %q", d.Verdict)
	}
	for _, path := range []string{"/recordings/nobody/report", "/recordings/%2e%2e/report"} {
		if a := r.do("GET", path, ""); a.Code != 404 {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
	other := r.sign(token.Claims{Scopes: []token.Scope{token.Read}, Conversation: "elsewhere"})
	if a := r.do("GET", path, "", "Authorization", "Bearer "+other); a.Code != 404 {
		t.Errorf("with a token for another conversation: %d %s", a.Code, a.Body)
	}
	const large = 40 << 20 // of a day with thousands of people
	r.check(os.WriteFile(filepath.Join(r.dir, "recordings", callreel.ReportKey(started.RecordingID)), make([]byte, large), 0o600))
	if a := r.do("GET", path, ""); a.Code != 200 || a.Body.Len() != large {
		t.Errorf("of %d bytes: %d, %d bytes", large, a.Code, a.Body.Len())
	}
}
