package bench

import (
	"testing"
	"time"
)

func TestPageFault(t *testing.T) {
	if d := pageFault(); d < 10*time.Nanosecond || d > time.Millisecond {
		t.Errorf("a page takes %v", d)
	} else {
		t.Log(d)
	}
}
