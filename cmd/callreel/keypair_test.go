package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/internal/fault"
)

func TestKeysAreKept(t *testing.T) {
	f := keyFlags{Data: filepath.Join(t.TempDir(), "new", "data")}
	log := slog.New(slog.DiscardHandler)
	k, made, err := openKeys(f, log)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	again, made, err := openKeys(f, log)
	if err != nil || made || !bytes.Equal(again.keys[0], k.keys[0]) || !bytes.Equal(again.keys[1], k.keys[1]) {
		t.Error(made, err)
	}
	if len(k.keys[0]) != accessKeySize || len(k.keys[1]) != accessKeySize || bytes.Equal(k.keys[0], k.keys[1]) {
		t.Errorf("keys of %d and %d bytes", len(k.keys[0]), len(k.keys[1]))
	}
	for _, name := range []string{accessKeyFile, secondaryKeyFile} {
		if st, err := os.Stat(f.file(name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", st, err)
		}
	}
	if left, err := os.ReadDir(f.Data); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
	if err := os.WriteFile(f.file(accessKeyFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openKeys(f, log); fault.Of(err) != fault.Caller {
		t.Errorf("an empty file: %v", err)
	}
}

// A server that runs takes in rotated keys, and keeps those it has while the
// files are of no use.
func TestKeysAreRotated(t *testing.T) {
	data := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		k, _, err := openKeys(keyFlags{Data: data}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		before := k.current()
		first, second := before[0], before[1]
		status, stdout, stderr := call(t, "keys", "rotate", "--data", data)
		if status != 0 || !strings.Contains(stdout, base64.StdEncoding.EncodeToString(second)) {
			t.Fatalf("status %d: %s%s", status, stdout, stderr)
		}
		time.Sleep(keyInterval)
		after := k.current()
		if !bytes.Equal(after[0], second) || bytes.Equal(after[1], first) || bytes.Equal(after[1], second) {
			t.Error("the secondary key is not the primary one now, or there is no new one")
		}
		if _, shown, _ := call(t, "keys", "show", "--data", data); shown != stdout {
			t.Errorf("%s, want %s", shown, stdout)
		}
		if err := os.WriteFile(filepath.Join(data, accessKeyFile), []byte("half of a"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(keyInterval)
		if broken := k.current(); !bytes.Equal(broken[0], second) {
			t.Error("a broken file ends the key that was")
		}
	})
}

// A server that runs refuses, after a rotation, what was signed with the key
// that is gone, and lets in what was signed with the others.
func TestServeTakesInRotatedKeys(t *testing.T) {
	s := serve(t, t.TempDir())
	list := func() error {
		status, tok, stderr := call(t, "token", "--data", s.data, "--scope", "read")
		api, err := client.New(client.Config{Endpoint: s.url, Token: strings.TrimSpace(tok)})
		if status != 0 || err != nil {
			t.Fatal(status, stderr, err)
		}
		_, _, err = api.RecordingsPage(t.Context(), client.RecordingFilter{}, "")
		return err
	}
	status, old, _ := call(t, "token", "--data", s.data, "--scope", "read")
	if err := list(); status != 0 || err != nil {
		t.Fatal(status, err)
	}
	if status, _, stderr := call(t, "keys", "rotate", "--data", s.data); status != 0 {
		t.Fatal(stderr)
	}
	if err := list(); err != nil {
		t.Errorf("at once, with the key that was secondary: %v", err)
	}
	api, err := client.New(client.Config{Endpoint: s.url, Token: strings.TrimSpace(old)})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * keyInterval); ; <-tick.C {
		if _, _, err = api.RecordingsPage(t.Context(), client.RecordingFilter{}, ""); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the key that is gone is still good")
		}
	}
	if refused, ok := errors.AsType[*client.Error](err); !ok || refused.StatusCode != 401 {
		t.Errorf("the key that is gone: %v", err)
	}
	if err := list(); err != nil {
		t.Errorf("the primary key: %v", err)
	}
}

// Both keys of the flags sign requests; a token is signed with the first.
func TestKeysOfFlags(t *testing.T) {
	one, two := newAccessKey(), newAccessKey()
	s := serve(t, t.TempDir(), "--access-key", one, "--secondary-access-key", two)
	for key, want := range map[string]bool{one: true, two: true, newAccessKey(): false} {
		status, tok, stderr := call(t, "token", "--access-key", key, "--scope", "read")
		api, err := client.New(client.Config{Endpoint: s.url, Token: strings.TrimSpace(tok)})
		if status != 0 || err != nil {
			t.Fatal(status, stderr, err)
		}
		if _, _, err = api.RecordingsPage(t.Context(), client.RecordingFilter{}, ""); err == nil != want {
			t.Errorf("%v, want to be let in: %v", err, want)
		}
	}
}
