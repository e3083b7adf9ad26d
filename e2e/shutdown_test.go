package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A server that is told to end finishes what it records; the next one on its data
// has the file.
func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveData(t, data)
	s.join("room", camera(0, "h264")).expectsLoss()
	s.await("room", 2)
	r := s.start("room")
	pass(t, 4*time.Second)
	stopped := time.Now()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	r.least, r.most = stopped.Sub(r.after), stopped.Add(stopDelay).Sub(r.before)

	again := serveData(t, data)
	r.s = again
	var list struct{ Recordings []details }
	again.do(http.MethodGet, "/recordings", &list)
	if len(list.Recordings) != 1 || list.Recordings[0].RecordingID != r.id || list.Recordings[0].EndReason != "Shutdown" {
		t.Errorf("the server has %+v", list)
	}
	m := r.fetch()
	m.lasts(r)
	m.hears(t, 0, time.Second, m.length())
	for n, img := range m.frames() {
		if _, ok := read(img, 1)[0]; !ok && n >= settled {
			t.Errorf("frame %d does not show the participant", n)
		}
	}
	if left, err := os.ReadDir(filepath.Join(data, "spool")); err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %v, %v", left, err)
	}
	again.command("recordings", "list", "--to", again.url, "--data", data)
	dir := t.TempDir()
	again.command("recordings", "download", r.id, "--dir", dir, "--to", again.url, "--data", data)
	copied := filepath.Join(dir, r.details().Chunks[0].DocumentID)
	for _, name := range []string{copied + ".mp4", copied + ".json"} {
		if st, err := os.Stat(name); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
