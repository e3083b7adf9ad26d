package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callreel/callreel/cluster"
)

// many fills the index of a node with recordings that have ended: one a minute, in
// a hundred conversations.
func many(t testing.TB, node *cluster.Node, n int, first time.Time) {
	t.Helper()
	tab, err := node.Table(context.Background(), "recordings")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		start := first.Add(time.Duration(i) * time.Minute)
		id := fmt.Sprintf("recording-%05d", i)
		doc, err := json.Marshal(map[string]any{
			"version": 1, "node": node.ID(), "recordingId": id, "conversationId": fmt.Sprintf("room-%d", i%100), "state": "completed",
			"startTime": start, "endTime": start.Add(30 * time.Second), "durationMs": 30000, "endReason": "Stopped",
			"chunks": []any{}, "pauses": []any{}, "participants": []any{}, "stored": true, "announced": true,
		})
		_, perr := tab.Put(context.Background(), id, doc)
		if err := errors.Join(err, perr); err != nil {
			t.Fatal(err)
		}
	}
}

// Ten thousand recordings are listed page by page, none twice and none left out,
// chosen by what is asked for, and deleted when they are old enough.
func TestTenThousandRecordings(t *testing.T) {
	const n, kept = 10000, 2879 // those that ended less than 48 hours ago
	synctest.Test(t, func(t *testing.T) {
		node := cluster.InMemory()
		many(t, node, n, time.Now().Add(-n*time.Minute))
		r := makeRig(t, t.TempDir(), node, nil)
		defer r.close()
		synctest.Wait() // the first sweep is over
		for query, want := range map[string]int{
			"": n, "state=completed": kept + 1, "state=deleted": n - kept - 1, "conversation=room-7": n / 100,
			"state=active": 0, "from=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339): 60,
		} {
			if got := r.count(query); got != want {
				t.Errorf("%q: %d recordings, want %d", query, got, want)
			}
		}
		time.Sleep(30 * time.Minute)
		if got := r.count("state=completed"); got != kept+1-30 {
			t.Errorf("%d recordings half an hour later", got)
		}
	})
}

// count returns how many recordings are listed, in order and each once.
func (r *rig) count(query string) (n int) {
	last := "~"
	for cursor := ""; ; {
		var p listed
		r.do("GET", "/recordings?limit=1000&"+query+"&cursor="+cursor, "").json(&p)
		for _, rec := range p.Recordings {
			if rec.RecordingID >= last {
				r.t.Errorf("%s after %s", rec.RecordingID, last)
			}
			last = rec.RecordingID
			n++
		}
		if cursor = p.NextCursor; cursor == "" {
			return n
		}
	}
}

func BenchmarkList10000(b *testing.B) {
	node := cluster.InMemory()
	many(b, node, 10000, time.Now().Add(-24*time.Hour))
	r := makeRig(b, b.TempDir(), node, nil)
	for b.Loop() {
		var p listed
		if r.do("GET", "/recordings?limit=100&conversation=room-7", "").json(&p); len(p.Recordings) != 100 {
			b.Fatal(len(p.Recordings))
		}
	}
}
