package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/callreel/callreel/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, dir string) *cluster.Node {
	t.Helper()
	n, err := cluster.Open(cluster.Config{Dir: dir})
	check(t, err)
	t.Cleanup(func() { check(t, n.Close()) })
	return n
}

func table(t testing.TB, n *cluster.Node, name string) *cluster.Table {
	t.Helper()
	tab, err := n.Table(context.Background(), name)
	check(t, err)
	return tab
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// all returns a table as a map.
func all(t testing.TB, tab *cluster.Table) map[string]string {
	t.Helper()
	got := map[string]string{}
	for r, err := range tab.All(context.Background()) {
		check(t, err)
		got[r.Key] = string(r.Value)
	}
	return got
}

// nodes are those of both kinds, which behave alike.
func nodes(t *testing.T, test func(*testing.T, *cluster.Node)) {
	t.Run("NATS", func(t *testing.T) { test(t, open(t, t.TempDir())) })
	t.Run("memory", func(t *testing.T) { test(t, cluster.InMemory()) })
}

func TestTable(t *testing.T) { nodes(t, testTable) }

func testTable(t *testing.T, n *cluster.Node) {
	ctx := t.Context()
	tab := table(t, n, "records")
	wants := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	_, err := tab.Get(ctx, "a")
	wants("get nothing", err, cluster.ErrNotExist)
	wants("delete nothing", tab.Delete(ctx, "a"), nil)

	rev, err := tab.Create(ctx, "a", []byte("1"))
	check(t, err)
	_, err = tab.Create(ctx, "a", []byte("2"))
	wants("create twice", err, cluster.ErrExist)
	rev2, err := tab.Update(ctx, "a", []byte("3"), rev)
	check(t, err)
	_, err = tab.Update(ctx, "a", []byte("4"), rev)
	wants("update with an old revision", err, cluster.ErrConflict)
	if r, err := tab.Get(ctx, "a"); err != nil || string(r.Value) != "3" || r.Revision != rev2 || r.Key != "a" {
		t.Errorf("%+v, %v", r, err)
	}
	check(t, tab.Delete(ctx, "a"))
	_, err = tab.Get(ctx, "a")
	wants("get what was deleted", err, cluster.ErrNotExist)
	_, err = tab.Update(ctx, "a", []byte("5"), rev2)
	wants("update what was deleted", err, cluster.ErrConflict)
	_, err = tab.Create(ctx, "a", []byte("6"))
	wants("create what was deleted", err, nil)
	_, err = tab.Put(ctx, "a", []byte("7"))
	wants("put", err, nil)
	if got := all(t, tab); !maps.Equal(got, map[string]string{"a": "7"}) {
		t.Errorf("%q", got)
	}
	_, err = tab.Put(ctx, "large", make([]byte, 5<<20))
	if err == nil {
		t.Error("a record of 5 MiB is taken")
	}
}

// Keys are anything, among them what NATS uses to separate and to match.
func TestKeys(t *testing.T) { nodes(t, testKeys) }

func testKeys(t *testing.T, n *cluster.Node) {
	tab := table(t, n, "records")
	want := map[string]string{}
	for _, key := range []string{"a.b", "a/b", "*", ">", " ", "ü", "https://a/b?c=d", strings.Repeat("x", 2000), cluster.Key("a", "b/c"), cluster.Key("a/b", "c"), cluster.Key("a", "b", "c")} {
		if _, twice := want[key]; twice {
			t.Errorf("key %q is made twice", key)
		}
		want[key] = "value of " + key
		_, err := tab.Create(t.Context(), key, []byte(want[key]))
		check(t, err)
	}
	if got := all(t, tab); !maps.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestOneOfManyCreates(t *testing.T) { nodes(t, testOneOfManyCreates) }

func testOneOfManyCreates(t *testing.T, n *cluster.Node) {
	tab := table(t, n, "records")
	var wg sync.WaitGroup
	won := make(chan int, 16)
	for i := range 16 {
		wg.Go(func() {
			if _, err := tab.Create(context.Background(), "key", fmt.Append(nil, i)); err == nil {
				won <- i
			} else if !errors.Is(err, cluster.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(won)
	winners := slices.Collect(func(yield func(int) bool) {
		for i := range won {
			if !yield(i) {
				return
			}
		}
	})
	if len(winners) != 1 || all(t, tab)["key"] != fmt.Sprint(winners[0]) {
		t.Errorf("winners %v, %q", winners, all(t, tab))
	}
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	n, err := cluster.Open(cluster.Config{Dir: dir})
	check(t, err)
	if other, err := cluster.Open(cluster.Config{Dir: dir}); err == nil {
		t.Error("two nodes on one directory")
		check(t, other.Close())
	}
	tab := table(t, n, "records")
	rev, err := tab.Create(t.Context(), "kept", []byte("1"))
	check(t, err)
	_, err = tab.Create(t.Context(), "deleted", []byte("2"))
	check(t, err)
	check(t, tab.Delete(t.Context(), "deleted"))
	id := n.ID()
	check(t, n.Close())

	n = open(t, dir)
	check(t, n.Ready(t.Context()))
	tab = table(t, n, "records")
	if got := all(t, tab); n.ID() != id || !maps.Equal(got, map[string]string{"kept": "1"}) {
		t.Errorf("node %s instead of %s, %q", n.ID(), id, got)
	}
	_, err = tab.Update(t.Context(), "kept", []byte("3"), rev)
	check(t, err)
}

func TestLog(t *testing.T) { nodes(t, testLog) }

func testLog(t *testing.T, n *cluster.Node) {
	l := log(t, n)
	for _, id := range []string{"a", "b", "a", "c", "b"} {
		check(t, l.Append(t.Context(), id, []byte("data of "+id)))
	}
	var got []string
	for seq := uint64(0); ; {
		m, err := l.After(t.Context(), seq)
		if errors.Is(err, cluster.ErrNotExist) {
			break
		}
		check(t, err)
		if m.Sequence != seq+1 || m.Time.IsZero() {
			t.Errorf("%+v after %d", m, seq)
		}
		seq, got = m.Sequence, append(got, string(m.Data))
	}
	if want := []string{"data of a", "data of b", "data of c"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// What was published is known after a restart, too.
func TestLogRestart(t *testing.T) {
	dir := t.TempDir()
	n, err := cluster.Open(cluster.Config{Dir: dir})
	check(t, err)
	check(t, log(t, n).Append(t.Context(), "a", []byte("one")))
	check(t, n.Close())
	check(t, n.Close())

	l := log(t, open(t, dir))
	check(t, l.Append(t.Context(), "a", []byte("again")))
	check(t, l.Append(t.Context(), "b", []byte("two")))
	for seq, want := range []string{"one", "two"} {
		m, err := l.After(t.Context(), uint64(seq))
		check(t, err)
		if string(m.Data) != want {
			t.Errorf("%s, want %s", m.Data, want)
		}
	}
}

func log(t testing.TB, n *cluster.Node) *cluster.Log {
	t.Helper()
	l, err := n.Log(context.Background(), "events", 48*60*60*1e9)
	check(t, err)
	return l
}

func BenchmarkPut(b *testing.B) {
	tab := table(b, open(b, b.TempDir()), "records")
	value := make([]byte, 2000)
	for i := 0; b.Loop(); i++ {
		_, err := tab.Put(b.Context(), fmt.Sprint(i%1000), value)
		check(b, err)
	}
}

// A server with many recordings must start soon.
func BenchmarkAll10000(b *testing.B) {
	tab := table(b, open(b, b.TempDir()), "records")
	for i := range 10000 {
		_, err := tab.Put(b.Context(), fmt.Sprint(i), make([]byte, 1000))
		check(b, err)
	}
	for b.Loop() {
		if n := len(all(b, tab)); n != 10000 {
			b.Fatal(n)
		}
	}
}
