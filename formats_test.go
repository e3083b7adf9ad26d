package callreel_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest/replay"
	"github.com/callreel/callreel/internal/ffmpegtest"
)

// laidOut is a depot with the spool of an earlier version; see testdata/README.md.
func laidOut(t *testing.T) *depot {
	t.Helper()
	d := newDepot(t, t.TempDir(), willing)
	if err := os.CopyFS(filepath.Join(d.dir, "spool"), os.DirFS(filepath.Join("testdata", "formats", "1"))); err != nil {
		t.Fatal(err)
	}
	return d
}

// What earlier versions have left is recovered.
func TestOlderFormats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := laidOut(t)
		found, err := d.eng.Recover(t.Context())
		if err != nil || len(found) != 2 {
			t.Fatalf("%+v, %v", found, err)
		}
		synctest.Wait()
		if left := d.left(); len(left) > 0 {
			t.Errorf("the spool has %q", left)
		}
		d.close()
		for i, want := range []struct {
			end    callreel.EndReason
			chunks int
			least  time.Duration
		}{{callreel.EndStopped, 1, 4 * time.Second}, {callreel.EndInterrupted, 2, 13 * time.Second}} {
			res := found[i]
			if res.EndReason != want.end || len(res.Chunks) != want.chunks || res.Duration < want.least {
				t.Errorf("%+v", res)
			}
			beeps := 0
			for _, c := range res.Chunks {
				m := &movie{t: t, pcm: decodeSound(t, d.file(c))}
				beeps += len(m.beeps(650))
				ffmpegtest.Run(t, "-i", d.file(c), "-f", "null", "-")
			}
			if n := int(res.Duration / time.Second); beeps < n-1 || beeps > n+2 { // a pause and a file may cut one in two
				t.Errorf("%s: %d beeps in %v", res.ID, beeps, res.Duration)
			}
		}
	})
}

// A capture of an earlier version is composed.
func TestOlderCapture(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "formats", "1", "killed", "capture.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	src, err := replay.Open(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	d := newDepot(t, t.TempDir(), willing)
	res, err := callreel.Compose(t.Context(), callreel.Config{Storage: d.store, Spool: filepath.Join(d.dir, "composed")}, callreel.RecordingConfig{}, src)
	if err != nil || res.Duration < 13*time.Second || len(res.Chunks) != 2 {
		t.Errorf("%+v, %v", res, err)
	}
	d.close()
}

// What a later version has left is not touched, whichever document says so.
func TestNewerFormats(t *testing.T) {
	for name, change := range map[string][2]string{
		"killed/manifest.json": {`"version": 1`, `"version": 3`},
		"ended/manifest.json":  {`"recordingId"`, `"version": 3, "recordingId"`},
		"ended/recording.json": {`"recordingId"`, `"version": 2, "recordingId"`},
	} {
		t.Run(name, func(t *testing.T) {
			d := laidOut(t)
			file := filepath.Join(d.dir, "spool", filepath.FromSlash(name))
			doc, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			newer := strings.Replace(string(doc), change[0], change[1], 1)
			if err := os.WriteFile(file, []byte(newer), 0o600); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "recording.json") { // all that there is
				if err := os.Remove(filepath.Join(filepath.Dir(file), "manifest.json")); err != nil {
					t.Fatal(err)
				}
			}
			found, err := d.eng.Recover(t.Context())
			if err == nil || !strings.Contains(err.Error(), "later version") || len(found) != 1 {
				t.Errorf("%+v, %v", found, err)
			}
			if going, err := d.eng.Continue(t.Context(), 1e6*time.Hour); err != nil && len(going) > 0 {
				t.Errorf("%v, %v", going, err)
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != newer {
				t.Errorf("it was changed: %v", err)
			}
			d.close()
		})
	}
}
