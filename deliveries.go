package callreel

import (
	"os"
	"time"
)

// DeliveryStats is what waits in the spool for the store.
type DeliveryStats struct {
	Recordings int           // that something is of, running or ended
	Files      int           // finished ones
	Bytes      int64         // of these
	Oldest     time.Duration // how long the one has waited that waits the longest
}

// Deliveries tells what is not in the store yet, of this run and of earlier ones
// that were taken over.
func (e *Engine) Deliveries() DeliveryStats {
	var d DeliveryStats
	now := time.Now()
	for _, p := range e.courier.all() {
		p.count(&d, now)
	}
	return d
}

func (p *parcel) count(d *DeliveryStats, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.queue
	if p.last != nil {
		waiting = append(waiting[:len(waiting):len(waiting)], p.last)
	}
	files := d.Files
	for _, s := range waiting {
		for _, f := range s.files {
			d.Files++
			d.Bytes += f.bytes
			d.Oldest = max(d.Oldest, now.Sub(s.since))
		}
	}
	if d.Files > files {
		d.Recordings++
	}
}

// size returns the size of a file, or 0 if it can't be told.
func (c *courier) size(recording, name string) int64 {
	path, err := c.spool.Path(recording, name)
	if err != nil {
		return 0
	}
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}
