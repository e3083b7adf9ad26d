package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/storage"
)

// formats are spools of the format's first version; see testdata/README.md.
const formats = "../../testdata/formats/1"

// leftovers copies a spool into a new data directory.
func leftovers(t *testing.T) (data string) {
	t.Helper()
	data = t.TempDir()
	if err := os.CopyFS(filepath.Join(data, "spool"), os.DirFS(formats)); err != nil {
		t.Fatal(err)
	}
	return data
}

// plays decodes a file and returns how long it is.
func plays(t *testing.T, name string) time.Duration {
	t.Helper()
	if out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", name, "-f", "null", "-").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	report, err := inspectFile(name)
	if err != nil || report.Broken() {
		t.Fatalf("%s: %v, %+v", name, err, report)
	}
	return time.Duration(report.Duration) * time.Second / time.Duration(report.Timescale)
}

// tree returns all files below a directory with their contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		all[strings.TrimPrefix(name, dir)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRecover(t *testing.T) {
	data := leftovers(t)
	before := tree(t, data)
	status, out, errs := call(t, "recover", "--dry-run", data)
	if status != 0 || !strings.Contains(out, "killed was interrupted") || !strings.Contains(out, "ended has ended") || !strings.Contains(out, "not finished") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if after := tree(t, data); len(after) != len(before) || after["/spool/killed/1.mp4"] != before["/spool/killed/1.mp4"] {
		t.Error("a dry run has changed something")
	}
	status, out, errs = call(t, "recover", data)
	if status != 0 || !strings.Contains(out, "killed is stored") || !strings.Contains(out, "killed/1.mp4") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if left := tree(t, filepath.Join(data, "spool")); len(left) != 0 {
		t.Errorf("%d files are left", len(left))
	}
	for name, least := range map[string]time.Duration{"killed/0.mp4": 10 * time.Second, "killed/1.mp4": 3 * time.Second, "ended/0.mp4": 4 * time.Second} {
		if length := plays(t, filepath.Join(data, "recovered", name)); length < least {
			t.Errorf("%s: %v", name, length)
		}
	}
	if status, out, errs = call(t, "recover", data); status != 0 || !strings.Contains(out, "nothing") {
		t.Errorf("again: %d: %s%s", status, out, errs)
	}
}

// One recording is recovered, by its directory, to another place.
func TestRecoverOne(t *testing.T) {
	data, store := leftovers(t), t.TempDir()
	status, out, errs := call(t, "recover", filepath.Join(data, "spool", "killed"), "--storage", store)
	if status != 0 || !strings.Contains(out, "killed is stored") || strings.Contains(out, "ended is") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	plays(t, filepath.Join(store, "killed", "1.mp4"))
	if left := tree(t, filepath.Join(data, "spool")); len(left) != 5 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestRecoverRefuses(t *testing.T) {
	data := leftovers(t)
	spool := filepath.Join(data, "spool")
	manifest := filepath.Join(spool, "killed", "manifest.json")
	doc, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, bytes.Replace(doc, []byte(`"version": 1`), []byte(`"version": 99`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := storage.NewSpool(spool).Lock("ended")
	if err != nil {
		t.Fatal(err)
	}
	before := tree(t, spool)
	for _, args := range [][]string{{"recover", data}, {"recover", "--dry-run", spool}} {
		status, out, errs := call(t, args...)
		if status != 2 || !strings.Contains(errs, "later version") || !strings.Contains(out, "ended is in use") {
			t.Errorf("%d: %s%s", status, out, errs)
		}
	}
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
	for name, content := range tree(t, spool) {
		if before[name] != content {
			t.Errorf("%s was changed", name)
		}
	}
	for _, args := range []string{"/nowhere", filepath.Join(spool, "killed", "manifest.json")} {
		if status, out, errs := call(t, "recover", args); status != 2 {
			t.Errorf("%s: %d: %s%s", args, status, out, errs)
		}
	}
}

// Files without a manifest, and a file alone, are finished in copies.
func TestRecoverWithoutManifest(t *testing.T) {
	data := leftovers(t)
	spool := filepath.Join(data, "spool")
	if err := os.Remove(filepath.Join(spool, "killed", "manifest.json")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, spool)["/killed/1.mp4"]
	status, out, errs := call(t, "recover", data)
	if status != 0 || !strings.Contains(out, "killed has no manifest") || !strings.Contains(out, "killed stays") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if length := plays(t, filepath.Join(data, "recovered", "killed", "1.mp4")); length < 3*time.Second {
		t.Errorf("%v", length)
	}
	if after := tree(t, spool)["/killed/1.mp4"]; after != before {
		t.Error("the original was changed")
	}
	cut := filepath.Join(t.TempDir(), "cut.mp4")
	if err := os.WriteFile(cut, []byte(before[:len(before)-5000]), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, errs = call(t, "recover", "--dry-run", cut); status != 0 || !strings.Contains(out, "bytes to trim") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if status, out, errs = call(t, "recover", cut); status != 0 {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	plays(t, filepath.Join(filepath.Dir(cut), "recovered", "cut.mp4"))
}

// The storage is away: what is finished stays in the spool.
func TestRecoverWithoutStorage(t *testing.T) {
	data := leftovers(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call(t, "recover", data, "--storage", filepath.Join(file, "store"), "--timeout", "2s")
	if status != 4 && status != 2 {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if left := tree(t, filepath.Join(data, "spool")); left["/killed/1.mp4"] == "" {
		t.Error("it is gone")
	}
}

// A real server is killed, and what it has left is recovered without it.
func TestRecoverAfterKill(t *testing.T) {
	data := t.TempDir()
	cmd := exec.Command(os.Args[0], "serve", "--listen", "127.0.0.1:0", "--data", data, "--size", "320x180", "--encoder-option", "preset=ultrafast")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	hello, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	defer kill()
	first := make([]byte, 4096)
	n, err := io.ReadAtLeast(hello, first, 40)
	m := greeting.FindSubmatch(first[:n])
	if err != nil || m == nil {
		t.Fatalf("%v: %s", err, first[:n])
	}
	at := []string{"--to", string(m[1]), "--data", data}
	status, id, errs := call(t, append([]string{"recordings", "start", "room-1"}, at...)...)
	if status != 0 {
		t.Fatal(errs)
	}
	id = strings.TrimSpace(id)
	var said client.Recording
	for tick := time.NewTicker(100 * time.Millisecond); said.DurationMs < 2000; <-tick.C {
		_, doc, errs := call(t, append([]string{"recordings", "show", id}, at...)...)
		if err := json.Unmarshal([]byte(doc), &said); err != nil {
			t.Fatal(err, errs)
		}
	}
	if status, out, errs := call(t, "recover", data); status != 2 || !strings.Contains(out, id+" is in use") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	kill()
	status, out, errs := call(t, "recover", data)
	if status != 0 || !strings.Contains(out, id+" is stored") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	got := plays(t, filepath.Join(data, "recovered", id, "0.mp4"))
	if want := time.Duration(said.DurationMs) * time.Millisecond; got < want {
		t.Errorf("%v of %v that were acknowledged", got, want)
	}
	t.Log(out)
}
