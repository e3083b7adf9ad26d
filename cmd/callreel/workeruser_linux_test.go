package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is a user whom workers run as, in tests that root runs.
func nobody(t *testing.T) (uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run workers as somebody else")
	}
	who, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	if uid, err = strconv.Atoi(who.Uid); err != nil {
		t.Fatal(err)
	}
	return uid
}

// passable lets everybody pass through the directories of a test.
func passable(t *testing.T, dir string) {
	t.Helper()
	for dir = filepath.Dir(dir); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // that is what it is for
			t.Fatal(err)
		}
	}
}

// children returns the processes that this one has started, with their users.
func children(t *testing.T) map[int]int {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]int{}
	for _, list := range lists {
		pids, _ := os.ReadFile(list) // the thread may have ended
		for _, pid := range strings.Fields(string(pids)) {
			status, _ := os.ReadFile(filepath.Join("/proc", pid, "status")) // the process too
			for line := range strings.Lines(string(status)) {
				if ids, is := strings.CutPrefix(line, "Uid:"); is {
					n, err1 := strconv.Atoi(pid)
					uid, err2 := strconv.Atoi(strings.Fields(ids)[0])
					if err1 != nil || err2 != nil {
						t.Fatal(err1, err2)
					}
					found[n] = uid
				}
			}
		}
	}
	return found
}

// ownedBy checks whose the files below a directory are, and counts them.
func ownedBy(t *testing.T, dir string, uid int) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != uid {
			t.Errorf("%s is %d's", name, st.Uid)
		}
		if !e.IsDir() {
			files++
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return files
}

// Workers that run as somebody else record, and go on after a crash; so does what a
// server has left whose workers were root's.
func TestWorkerUser(t *testing.T) {
	uid := nobody(t)
	data := leftovers(t)
	passable(t, data)
	store := filepath.Join(data, recordingsDir)
	if err := os.MkdirAll(filepath.Join(store, "killed"), 0o700); err != nil { // such as of an earlier chunk
		t.Fatal(err)
	}
	s := serve(t, data, "--worker-user", "nobody", "--continue-within", "1000000h")
	if got := s.recordings("show", "killed"); !strings.Contains(got, `"active"`) {
		t.Errorf("it does not go on: %s", got)
	}
	s.recordings("stop", "killed")
	id := s.recordings("start", "room")
	if status, _, stderr := call(t, "simulate", "--to", s.url, "--data", data, "--call", "room", "--participants", "1",
		"--codec", "vp8", "--size", "320x180", "--for", "3s"); status != 0 {
		t.Errorf("status %d: %s", status, stderr)
	}
	workers := 0
	for pid, user := range children(t) {
		if workers++; user != uid {
			t.Errorf("a worker runs as %d", user)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	if workers == 0 {
		t.Error("there is no worker")
	}
	s.recordings("stop", id) // once it has gone on
	if status := s.end(); status != 0 {
		t.Errorf("status %d", status)
	}
	var details struct {
		State  string
		Chunks []struct{ DurationMs int64 }
		Gaps   []struct{ DurationMs int64 }
	}
	again := serve(t, data)
	if err := json.Unmarshal([]byte(again.recordings("show", id)), &details); err != nil || details.State != "completed" || len(details.Gaps) != 1 {
		t.Errorf("%+v, %v", details, err)
	}
	again.end()
	for _, recording := range []string{"killed", id} {
		if n := ownedBy(t, filepath.Join(store, recording), uid); n < 4 {
			t.Errorf("%s has %d files", recording, n)
		}
	}
	if plays(t, filepath.Join(store, id, "0.mp4")) < 2*time.Second {
		t.Error("what was recorded before the crash is missing")
	}
	if left, err := os.ReadDir(filepath.Join(data, spoolDir)); err != nil || len(left) > 0 {
		t.Errorf("in the spool: %v, %v", left, err)
	}
	for name, mode := range map[string]fs.FileMode{accessKeyFile: 0o600, stateDir: 0o750} {
		if st, err := os.Stat(filepath.Join(data, name)); err != nil || st.Mode().Perm() != mode || st.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
}

// A user who can't come to the data is one that nothing can be recorded with.
func TestWorkerUserCannotEnter(t *testing.T) {
	nobody(t)
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := call(t, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(closed, "data"), "--worker-user", "nobody")
	if status != 2 || !strings.Contains(stderr, "can't enter") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
