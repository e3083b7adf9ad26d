package ingest

import "github.com/callreel/callreel/internal/timebase"

const (
	firstKeyWait = 500 * timebase.Millisecond
	maxKeyWait   = 4 * timebase.Second
)

// keyAsker spaces out requests for a key frame. The zero value asks at once.
type keyAsker struct {
	asked bool
	heard bool // a packet came since the last request
	next  timebase.Ticks
	wait  timebase.Ticks
}

// ask reports whether to send a request now. A silent sender (muted, gone) is
// not asked again.
func (k *keyAsker) ask(now timebase.Ticks) bool {
	if k.asked && (now < k.next || !k.heard) {
		return false
	}
	k.wait = min(max(2*k.wait, firstKeyWait), maxKeyWait)
	k.next = now + k.wait
	k.asked, k.heard = true, false
	return true
}
