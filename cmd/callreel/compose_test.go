package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/capture"
)

// emptyCall writes the capture of a call of three seconds to which nobody came.
func emptyCall(t *testing.T, stops bool) (name string) {
	t.Helper()
	began := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	events := []capture.Event{
		{Type: capture.Recording, At: began, Version: capture.Version, Clock: began.Add(-time.Hour), Settings: []byte(`{"Conversation":"room","ID":"rec-1","Width":320,"Height":180}`)},
		{Type: capture.Join, At: began.Add(3 * time.Second), Flow: capture.Flow{Stay: 1}, Participant: "ann"},
	}
	if stops {
		events = append(events, capture.Event{Type: capture.Stop, At: began.Add(3 * time.Second), Reason: "Stopped"})
	}
	data := capture.AppendHeader(nil)
	for _, e := range events {
		var err error
		if data, err = capture.AppendEvent(data, e.At, e); err != nil {
			t.Fatal(err)
		}
	}
	name = filepath.Join(t.TempDir(), "call.pcapng")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCompose(t *testing.T) {
	in := emptyCall(t, true)
	out := filepath.Join(t.TempDir(), "out.mp4")
	if err := os.WriteFile(out, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	meta, report := strings.TrimSuffix(out, "mp4")+"json", strings.TrimSuffix(out, "mp4")+"report.json"
	status, stdout, stderr := call(t, "compose", in, "-o", out, "--metadata", meta, "--report", report)
	if status != 0 || !strings.Contains(stdout, "3.000 s") || !strings.Contains(stdout, "real time") || stderr != "" {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	first, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := call(t, "compose", in, "-o", out, "--frame-rate", "4"); status != 0 {
		t.Fatal(stderr)
	}
	other, err := os.ReadFile(out)
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("another frame rate makes no difference: %v", err)
	}
	for name, want := range map[string]string{meta: `"callId": "room"`, report: `"recordingId": "rec-1"`} {
		if doc, err := os.ReadFile(name); err != nil || !bytes.Contains(doc, []byte(want)) {
			t.Errorf("%s: %v\n%s", name, err, doc)
		}
	}
	if status, stdout, _ := call(t, "inspect", out); status != 0 || !strings.Contains(stdout, "320x180") {
		t.Errorf("inspect: %d %s", status, stdout)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 3 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestComposeWhatWasCutOff(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.mp4")
	status, stdout, stderr := call(t, "compose", emptyCall(t, false), "-o", out)
	if status != 0 || !strings.Contains(stdout, "3.000 s") || !strings.Contains(stderr, "cut off") {
		t.Errorf("status %d: %s%s", status, stdout, stderr)
	}
}

func TestNumbered(t *testing.T) {
	for want, got := range map[string]string{
		"a/out.mp4": numbered("a/out.mp4", 0), "a/out-2.mp4": numbered("a/out.mp4", 2), "a.b/out-1": numbered("a.b/out", 1),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
