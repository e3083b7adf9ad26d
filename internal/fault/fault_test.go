package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/callreel/callreel/internal/fault"
)

func TestOf(t *testing.T) {
	inner := fault.Destination.Wrap(io.ErrShortWrite)
	for name, c := range map[string]struct {
		err  error
		want fault.Kind
	}{
		"nil":             {nil, fault.Internal},
		"unmarked":        {io.EOF, fault.Internal},
		"marked":          {fault.Caller.Wrap(io.EOF), fault.Caller},
		"wrapped":         {fmt.Errorf("put: %w", inner), fault.Destination},
		"the first stays": {fault.Source.Wrap(fmt.Errorf("put: %w", inner)), fault.Destination},
		"joined":          {errors.Join(io.EOF, fault.Source.Wrap(io.EOF)), fault.Source},
	} {
		if got := fault.Of(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWrapKeepsTheError(t *testing.T) {
	if err := fault.Caller.Wrap(nil); err != nil {
		t.Errorf("Wrap(nil) = %v", err)
	}
	err := fault.Destination.Wrap(fmt.Errorf("put x: %w", io.ErrShortWrite))
	if !errors.Is(err, io.ErrShortWrite) || err.Error() != "put x: short write" {
		t.Errorf("got %v", err)
	}
}

func ExampleKind_Wrap() {
	err := fault.Destination.Wrap(errors.New("bucket is full"))
	fmt.Println(fault.Of(err), "must act:", err)
	// Output: destination must act: bucket is full
}
