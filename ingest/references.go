package ingest

// maxReferences is how many frames a frame may refer to: 7 in AV1, 3 in VP9
// besides the layer below.
const maxReferences = 8

// references tell which frames a frame needs directly, where the stream says so.
type references struct {
	known  bool
	number int64 // of the frame; it grows in decoding order
	count  uint8
	diffs  [maxReferences]uint16 // to the numbers of the frames that it needs
}

// add adds a frame that is needed. It reports false if there are too many.
func (f *references) add(diff int) bool {
	if f.count == maxReferences || diff <= 0 || diff > 1<<16-1 {
		return false
	}
	f.diffs[f.count] = uint16(diff)
	f.count++
	return true
}

const (
	// windowSpan is how far back frames are remembered: a VP9 picture may refer
	// to one that is 127 before it, of maxFrames layers each.
	windowSpan = 1024
	// maxUnseen is how many packets may be lost in a row before frame numbers
	// are not trusted any more: the shortest, of VP9, have seven bits, so that a
	// picture 64 ahead looks like one before.
	maxUnseen = 60
)

// window remembers which of the last frames were handed out.
type window struct {
	used   bool
	newest int64 // the newest number that was handed out
	handed [windowSpan / 64]uint64
	unseen int // packets lost since the last frame that was looked at
}

// lose says that up to n packets are missing.
func (w *window) lose(n int) {
	w.unseen += n
	if w.unseen >= maxUnseen {
		*w = window{unseen: w.unseen}
	}
}

// holds reports whether everything that a frame refers to was handed out.
func (w *window) holds(f *references) bool {
	if !w.used || f.number <= w.newest {
		return false
	}
	for _, diff := range f.diffs[:f.count] {
		if !w.has(f.number - int64(diff)) {
			return false
		}
	}
	return true
}

func (w *window) has(number int64) bool {
	if number > w.newest || number <= w.newest-windowSpan {
		return false
	}
	word, bit := w.slot(number)
	return *word&bit != 0
}

// put notes that a frame is handed out.
func (w *window) put(number int64) {
	if !w.used || number-w.newest >= windowSpan {
		*w = window{used: true, newest: number - 1}
	}
	for w.newest < number {
		w.newest++
		word, bit := w.slot(w.newest)
		*word &^= bit
	}
	word, bit := w.slot(number)
	*word |= bit
}

func (w *window) slot(number int64) (word *uint64, bit uint64) {
	i := uint64(number) % windowSpan
	return &w.handed[i/64], 1 << (i % 64)
}
