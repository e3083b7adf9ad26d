package ingest

// chain decides which frames may be decoded: those of which everything that
// they depend on was handed out. Where the stream tells what a frame refers to
// it goes by that, and else by spatial layer.
type chain struct {
	handed window
	base   window // those of temporal layer 0
	layers [maxFrames]dependency
	blind  bool  // the stream tells no references
	top    uint8 // the highest spatial layer handed out last

	broken bool // nothing can be handed out before a key frame
	poor   bool // nor can the best layer that is wanted
	hurt   bool // something was lost since the last key frame
}

// newChain waits for a key frame.
func newChain() chain {
	c := chain{broken: true, hurt: true}
	c.breakLayers()
	return c
}

func (c *chain) breakLayers() {
	for i := range c.layers {
		c.layers[i] = dependency{broken: true}
	}
}

// lose says that up to n packets, or frames, are missing.
func (c *chain) lose(n int) {
	c.hurt = true
	c.handed.lose(n)
	for i := range c.layers {
		c.layers[i].lose(n)
	}
	if c.blind && c.layers[c.top].broken {
		c.broken = true
	}
}

// choice is what of an access unit is handed out.
type choice struct {
	set      uint8 // of which bit i is frames[i]
	spatial  uint8 // of the highest frame in it
	temporal uint8 // the highest in it
	last     int   // index of the highest frame in it
	unwanted int   // frames
	missed   int   // frames that are wanted and depend on missing ones
	complete bool  // no frame that is wanted can be among packets that are missing
	sync     bool  // of what was before it depends on temporal layer 0 only
}

// choose decides about the frames of an access unit, of which the layers in
// want are wanted, and at least the lowest that is there.
func (c *chain) choose(au *accessUnit, want layerIDs) (ch choice) {
	c.handed.unseen = 0
	want.spatial = max(want.spatial, au.frames[0].spatial)
	if au.key {
		c.handed, c.base = window{}, window{}
		c.breakLayers()
	}
	ch.sync = true
	best := -1 // the highest frame that is wanted
	for i := range au.frames {
		f := &au.frames[i]
		first := au.key && i == 0
		if f.spatial > want.spatial || f.temporal.id > want.temporal && !au.key {
			ch.unwanted++
			c.leave(f)
			continue
		}
		best = i
		if !first && !c.decodable(f, au, ch) {
			ch.missed++
			c.leave(f)
			continue
		}
		ch.sync = ch.sync && (first || c.synced(f, au))
		c.take(f, au.key)
		ch.add(i, f)
	}
	if best >= 0 {
		c.settle(&au.frames[best], ch.set&(1<<best) != 0, ch.set != 0)
	}
	c.hurt = c.hurt && !au.key
	ch.complete = ch.missed == 0 && (best < 0 || au.frames[best].spatial == want.spatial)
	return ch
}

func (ch *choice) add(i int, f *frame) {
	ch.set |= 1 << i
	ch.last, ch.spatial = i, f.spatial
	ch.temporal = max(ch.temporal, f.temporal.id)
}

// decodable reports whether everything is there that a frame depends on.
func (c *chain) decodable(f *frame, au *accessUnit, ch choice) bool {
	d := &c.layers[f.spatial]
	switch {
	case f.refs.known:
		return c.handed.holds(&f.refs)
	case f.upper && (ch.set == 0 || ch.spatial+1 != f.spatial):
		return false
	case f.upper && (au.key || f.fresh), f.fresh && au.key:
		return true
	}
	return d.admit(f.temporal)
}

// synced reports whether it is certain that a frame depends on nothing before its
// access unit but frames of temporal layer 0.
func (c *chain) synced(f *frame, au *accessUnit) bool {
	if !f.refs.known {
		return f.fresh || f.temporal.sync
	}
	first := f.refs.number
	if refs := &au.frames[0].refs; refs.known {
		first = refs.number
	}
	for _, diff := range f.refs.diffs[:f.refs.count] {
		if n := f.refs.number - int64(diff); n < first && !c.base.has(n) {
			return false
		}
	}
	return true
}

// take notes that a frame is handed out.
func (c *chain) take(f *frame, key bool) {
	c.blind = !f.refs.known
	c.top = f.spatial
	if f.refs.known {
		c.handed.put(f.refs.number)
		if f.temporal.id == 0 {
			c.base.put(f.refs.number)
		}
	}
	if key || f.fresh {
		c.layers[f.spatial].restart(f.temporal)
	}
}

// leave notes that a frame is not handed out.
func (c *chain) leave(f *frame) { c.layers[f.spatial].leave(f.temporal) }

// settle draws conclusions from the best frame that was wanted of an access
// unit, whether it was handed out, and whether anything was. Frames of higher
// temporal layers come again without a key frame, unless nothing tells when.
func (c *chain) settle(best *frame, all, some bool) {
	broken := best.temporal.id == 0 || !best.refs.known && c.layers[best.spatial].broken
	switch {
	case !all && (broken || !best.refs.known && !best.temporal.known):
		c.poor = true
	case all && best.temporal.id == 0:
		c.poor = false
	}
	c.broken = !some && (c.broken || broken)
}
