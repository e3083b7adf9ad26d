package cpu

import "time"

// Thread returns the CPU time that the calling thread has used. It tells
// something only to a goroutine that is locked to its thread. Where the system
// doesn't tell, it is zero.
func Thread() time.Duration { return threadTime() }
