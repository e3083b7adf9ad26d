package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/callreel/callreel/client"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/fault"
	"github.com/callreel/callreel/internal/token"
)

// asCommand lets the test's own binary be the command, for processes that are killed.
const asCommand = "TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" || len(os.Args) == 2 && os.Args[1] == "worker" { // of a server in a test
		main()
	}
	for _, v := range os.Environ() { // settings of whoever tests
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "CALLREEL_") {
			_ = os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// call runs a command and returns its status and what it wrote.
func call(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestHelpAndUsage(t *testing.T) {
	for _, c := range []struct {
		args           string
		status         int
		stdout, stderr string // parts
	}{
		{"--help", 0, "Exit status", ""},
		{"serve --help", 0, "$CALLREEL_LISTEN", ""},
		{"recordings --help", 0, "download", ""},
		{"token --help", 0, "--scope", ""},
		{"version", 0, "libavcodec", ""},
		{"", 2, "", "expected one of"},
		{"dance", 2, "", "unexpected argument"},
		{"serve --size 5", 2, "", "1920x1080"},
		{"serve --chunk-size 5XB", 2, "", "2GiB"},
		{"serve --udp-port-range 9-1", 2, "", "50000-50100"},
		{"serve --ice-server turn:a,b", 2, "", "user name"},
		{"serve --log-format xml", 2, "", "log-format"},
		{"serve --access-key short", 2, "", "Base64"},
		{"serve --font /nowhere.ttf", 2, "", "nowhere.ttf"},
		{"serve --secondary-access-key x", 2, "", "goes with"},
		{"serve --dev --listen 0.0.0.0:0 --access-key MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 2, "", "loopback"},
		{"serve --dev --listen 127.0.0.1:0 --public-url https://call.example --access-key MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 2, "", "loopback"},
		{"token --data /nowhere", 2, "", "no access key"},
		{"keys show --data /nowhere", 2, "", "access-key"},
		{"keys rotate --data /nowhere", 2, "", "access-key"},
		{"recordings list --data /nowhere", 2, "", "no access key"},
		{"recordings list --token x --to server", 2, "", "absolute"},
		{"simulate --call x --codec h265", 2, "", "h265"},
		{"simulate --call x --size 5x5", 2, "", "pictures"},
		{"compose --help", 0, "--output", ""},
		{"compose /nowhere.pcapng -o x.mp4", 2, "", "nowhere.pcapng"},
		{"compose cli_test.go", 2, "", "output"},
		{"compose cli_test.go -o /nowhere/x.mp4", 2, "", "not a capture"},
		{"inspect /nowhere.mp4", 2, "", "nowhere.mp4"},
	} {
		status, stdout, stderr := call(t, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: status %d\n%s%s", c.args, status, stdout, stderr)
		}
	}
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("x"), 1},
		{fault.Caller.Wrap(errors.New("x")), 2},
		{fmt.Errorf("y: %w", fault.Source.Wrap(errors.New("x"))), 3},
		{fault.Destination.Wrap(errors.New("x")), 4},
		{&client.Error{StatusCode: 404}, 2},
		{&client.Error{StatusCode: 500}, 1},
	} {
		if got := exitStatus(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestToken(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	text := base64.StdEncoding.EncodeToString(key)
	derived, err := token.DeriveKey(key)
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := call(t, "token", "--access-key", text, "--conversation", "room", "--participant", "ann",
		"--name", "Ann", "--role", "screen", "--ttl", "5m", "--scope", "publish,read")
	claims, err := token.Signer{Keys: [][]byte{derived}}.Verify(strings.TrimSpace(stdout))
	if status != 0 || err != nil || claims.Allow(token.Publish, "room") != nil || claims.Allow(token.Read, "room") != nil ||
		claims.Name != "Ann" || claims.Role != token.Screen || time.Until(claims.Expires) > 5*time.Minute {
		t.Errorf("status %d: %s%s%+v, %v", status, stdout, stderr, claims, err)
	}
	if status, _, stderr := call(t, "token", "--access-key", text); status != 2 || !strings.Contains(stderr, "participant") {
		t.Errorf("a token to publish nothing: %d %s", status, stderr)
	}
	if status, _, _ := call(t, "token", "--access-key", text, "--scope", "control"); status != 0 {
		t.Errorf("a token to control: %d", status)
	}
}

func TestInspectBrokenFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mp4")
	for what, content := range map[string]string{
		"empty": "", "text": "this is no movie at all",
		"cut": "\x00\x00\x00\x10ftypiso6\x00\x00\x00\x00\x00\x00\x01\x00moov",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if status, _, stderr := call(t, "inspect", name); status != 1 || !strings.Contains(stderr, "a.mp4") {
			t.Errorf("%s: status %d, %s", what, status, stderr)
		}
	}
}

func TestInspectJSON(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mp4")
	if err := os.WriteFile(name, []byte("\x00\x00\x00\x10ftypiso6\x00\x00\x00\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, _ := call(t, "inspect", "--json", name)
	var report struct {
		Problems []struct{ Severity, Text string }
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || status != 1 || len(report.Problems) == 0 {
		t.Errorf("status %d, %v: %s", status, err, stdout)
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "5": 5, "2GiB": 2 << 30, "1 kb": 1000, "3MiB": 3 << 20, "1TB": 1e12} {
		var s byteSize
		if err := s.UnmarshalText([]byte(text)); err != nil || int64(s) != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "1.5GiB", "99999999999TiB", "1GiBB"} {
		if err := new(byteSize).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("size %q is taken", text)
		}
	}
	for _, text := range []string{"", "1920", "x", "1920x", "axb"} {
		if err := new(canvasSize).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("size %q is taken", text)
		}
	}
	for _, text := range []string{"", "1", "0-5", "5-1", "1-65536", "a-b"} {
		if err := new(portRange).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("range %q is taken", text)
		}
	}
	var s iceServer
	if err := s.UnmarshalText([]byte("turn:a?transport=udp,user,pw")); err != nil || s != iceServer(whip.ICEServer{URL: "turn:a?transport=udp", Username: "user", Credential: "pw"}) {
		t.Errorf("%+v, %v", s, err)
	}
}
