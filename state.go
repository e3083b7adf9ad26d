package callreel

// State is the state of a recording.
type State uint8

// The states of a recording. It starts in Starting and ends, once, in
// Completed or Failed.
const (
	Starting State = iota
	Active
	Paused
	Stopping
	Completed
	Failed
)

func (s State) String() string {
	return [...]string{"starting", "active", "paused", "stopping", "completed", "failed"}[s]
}

// Ended reports whether the state is a final one.
func (s State) Ended() bool { return s == Completed || s == Failed }

// moves is the whole state machine: what may follow what.
var moves = map[State][]State{
	Starting: {Active, Paused, Failed},
	Active:   {Paused, Stopping, Failed},
	Paused:   {Active, Stopping, Failed},
	Stopping: {Completed, Failed},
}

func (s State) canBecome(next State) bool {
	for _, m := range moves[s] {
		if m == next {
			return true
		}
	}
	return false
}
