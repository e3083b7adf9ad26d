package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/callreel/callreel/cluster"
)

func Example() {
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	node, err := cluster.Open(cluster.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	defer func() { _ = node.Close() }()

	ctx := context.Background()
	calls, err := node.Table(ctx, "calls")
	if err != nil {
		panic(err)
	}
	_, first := calls.Create(ctx, "room-1", []byte("recording 1"))
	_, second := calls.Create(ctx, "room-1", []byte("recording 2"))
	fmt.Println(first, errors.Is(second, cluster.ErrExist))
	// Output: <nil> true
}
