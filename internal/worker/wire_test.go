package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/internal/fault"
)

// sent is what arrives of a value.
func sent[T any](t *testing.T, v T) (got T) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestErrorsArrive(t *testing.T) {
	for _, is := range sentinels() {
		err := sent(t, newProblem(fmt.Errorf("more: %w", is))).err()
		if !errors.Is(err, is) || err.Error() != "more: "+is.Error() || fault.Of(err) != fault.Of(is) {
			t.Errorf("%v: %v", is, err)
		}
	}
	var state *callreel.StateError
	if err := sent(t, newProblem(&callreel.StateError{Operation: "pause", State: callreel.Stopping})).err(); !errors.As(err, &state) || state.State != callreel.Stopping {
		t.Error(err)
	}
	if err := sent(t, newProblem(fault.Destination.Wrap(errors.New("full")))).err(); fault.Of(err) != fault.Destination {
		t.Error(err)
	}
	if newProblem(nil).err() != nil {
		t.Error("nothing is something")
	}
}

func TestEventsArrive(t *testing.T) {
	at := time.Now().Round(0).UTC()
	e := callreel.Event{
		Type: callreel.Ended, Time: at, Conversation: "room", Call: "call", Recording: "id", State: callreel.Failed,
		Participant: &callreel.ParticipantInfo{ID: "ann", Joined: at},
		Chunk:       &callreel.Chunk{Index: 3, Duration: time.Second},
		Alarm:       &callreel.Alarm{Kind: callreel.AlarmSilence},
		Result: &callreel.Result{
			ID: "id", State: callreel.Failed, StartTime: at, EndReason: callreel.EndError,
			Pauses: []callreel.Pause{{Start: at, Duration: 7}}, Stats: callreel.Stats{Frames: 9},
		},
	}
	w := sent(t, wireEvent(e))
	if got := w.event(); !reflect.DeepEqual(got, e) {
		t.Errorf("%+v, want %+v", got, e)
	}
	e.Err, e.Result.Err = errors.New("one"), errors.New("two")
	w = sent(t, wireEvent(e))
	if got := w.event(); got.Err.Error() != "one" || got.Result.Err.Error() != "two" {
		t.Errorf("%v, %v", got.Err, got.Result.Err)
	}
}

func TestLogLines(t *testing.T) {
	var out strings.Builder
	l := logLines{log: slog.New(slog.NewTextHandler(&out, nil)).With("conversation", "room"), pid: func() int { return 7 }}
	for _, part := range []string{
		`{"time":"2026-01-01T00:00:00Z","level":"WARN","msg":"he`, "llo\",\"n\":3}\n{\"level\":\"DEBUG\",\"msg\":\"quiet\"}\n\npanic: x\n", strings.Repeat("y", 2*maxLogLine) + "\n",
	} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "level=WARN msg=hello conversation=room n=3 pid=7") ||
		!strings.Contains(lines[1], `text="panic: x"`) || len(lines[2]) > maxLogLine+200 {
		t.Errorf("%.300q", lines)
	}
}

func TestAddresses(t *testing.T) {
	for _, text := range []string{"192.0.2.1:5", "[2001:db8::1]:65535", "[fe80::1%eth0]:9"} {
		b, err := appendAddr(nil, netip.MustParseAddrPort(text))
		if err != nil {
			t.Fatal(err)
		}
		a, payload, err := cutAddr(append(b, "data"...))
		if err != nil || a.String() != text || string(payload) != "data" {
			t.Errorf("%s: %v, %q, %v", text, a, payload, err)
		}
	}
	for _, bad := range []string{"", "\x05ab", "\x01a"} {
		if _, _, err := cutAddr([]byte(bad)); err == nil {
			t.Errorf("%q is an address", bad)
		}
	}
}

func TestNameIn(t *testing.T) {
	build := func(kind stun.MessageType, user string) []byte {
		set := []stun.Setter{kind, stun.TransactionID}
		if user != "" {
			set = append(set, stun.NewUsername(user))
		}
		return stun.MustBuild(set...).Raw
	}
	for want, b := range map[string][]byte{
		"here":  build(stun.BindingRequest, "here:there"),
		"alone": build(stun.BindingRequest, "alone"),
	} {
		if name, ok := nameIn(b); !ok || name != want {
			t.Errorf("%q, %v, want %q", name, ok, want)
		}
	}
	for what, b := range map[string][]byte{
		"an answer": build(stun.BindingSuccess, "here:there"), "no name": build(stun.BindingRequest, ""),
		"RTP": append([]byte{0x80, 96}, make([]byte, 30)...), "nothing": nil, "cut off": build(stun.BindingRequest, "here:there")[:25],
	} {
		if name, ok := nameIn(b); ok {
			t.Errorf("%s: %q", what, name)
		}
	}
}
