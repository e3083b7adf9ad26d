package ingest

import "github.com/callreel/callreel/internal/timebase"

// What a dependency descriptor may have at most: "RTP Payload Format For AV1",
// version 1.0, appendix A.
const (
	maxTemplates   = 64
	maxTargets     = 32
	mandatoryBytes = 3 // of every descriptor; others have more
)

// descriptor is a dependency descriptor: that of a frame.
type descriptor struct {
	start, end    bool   // of the frame
	number        uint16 // of the frame
	known         bool   // the rest is valid
	spatial       uint8
	temporal      uint8
	count         int
	diffs         [maxReferences]uint16 // to the numbers of the frames it depends on
	width, height int                   // of its spatial layer; zero if not known
}

// template is what many frames have in common.
type template struct {
	spatial, temporal uint8
	count             int
	diffs             [maxReferences]uint16
}

// structure is a template dependency structure, to which descriptors refer. It
// is the one that came last.
type structure struct {
	offset    uint8 // ID of the first template
	count     int   // of templates; zero before the first structure
	targets   int   // decode targets
	chains    int
	templates [maxTemplates]template
	sizes     layerSizes
}

// parse reads a descriptor, and the structure in it if it has one. It reports
// false for one that is not even long enough to say where the frame begins.
func (s *structure) parse(data []byte) (descriptor, bool) {
	if len(data) < mandatoryBytes {
		return descriptor{}, false
	}
	d := descriptor{start: data[0]&0x80 != 0, end: data[0]&0x40 != 0, number: uint16(data[1])<<8 | uint16(data[2])}
	if !d.start { // what is needed came with the frame's first packet
		return d, true
	}
	r := bitReader{data: data[mandatoryBytes:]}
	var dtis, diffs, chains bool
	if len(data) > mandatoryBytes {
		dtis, diffs, chains = s.extend(&r)
	}
	i := int(data[0]&0x3f-s.offset) & (maxTemplates - 1)
	if i >= s.count || r.short {
		return d, true
	}
	s.define(&d, s.templates[i])
	if dtis {
		r.skip(2 * s.targets)
	}
	if diffs {
		d.readDiffs(&r)
	}
	if chains {
		r.skip(8 * s.chains)
	}
	d.known = d.count <= maxReferences && !r.short
	return d, true
}

// frame returns what is known of a frame by the descriptor of its first packet.
func (d *descriptor) frame(numbers *timebase.Unwrapper) frame {
	number := numbers.Unwrap(uint32(d.number))
	if !d.known {
		return frame{}
	}
	return frame{
		spatial: d.spatial, width: d.width, height: d.height,
		temporal: temporalLayer{id: d.temporal},
		refs:     references{known: true, number: number, count: uint8(d.count), diffs: d.diffs},
		fresh:    d.count == 0,
	}
}

// define fills in what a template says of a frame.
func (s *structure) define(d *descriptor, t template) {
	d.spatial, d.temporal, d.count, d.diffs = t.spatial, t.temporal, t.count, t.diffs
	if d.spatial < maxFrames {
		d.width, d.height = int(s.sizes.width[d.spatial]), int(s.sizes.height[d.spatial])
	}
}

// extend reads the extended fields and says which parts follow for the frame.
func (s *structure) extend(r *bitReader) (dtis, diffs, chains bool) {
	structured, active := r.flag(), r.flag()
	dtis, diffs, chains = r.flag(), r.flag(), r.flag()
	if structured {
		s.read(r)
	}
	if active {
		r.skip(s.targets) // active_decode_targets_bitmask
	}
	return dtis, diffs, chains
}

// readDiffs reads frame_fdiffs. More than maxReferences are counted, not kept.
func (d *descriptor) readDiffs(r *bitReader) {
	d.count = 0
	for size := r.bits(2); size > 0 && !r.short; size = r.bits(2) {
		diff := uint16(r.bits(int(4*size)) + 1)
		if d.count < maxReferences {
			d.diffs[d.count] = diff
		}
		d.count++
	}
}

// read replaces the structure. What cannot be read is left without templates.
func (s *structure) read(r *bitReader) {
	*s = structure{offset: uint8(r.bits(6))}
	s.targets = int(r.bits(5)) + 1
	count, layers := s.readLayers(r)
	r.skip(2 * s.targets * count) // template_dtis
	for i := range count {
		s.templates[i].read(r)
	}
	s.readChains(r, count)
	if r.flag() {
		for i := range layers {
			s.sizes.width[i], s.sizes.height[i] = size16(r), size16(r)
		}
	}
	if !r.short {
		s.count = count
	}
}

// readLayers reads template_layers and returns how many templates and spatial
// layers there are.
func (s *structure) readLayers(r *bitReader) (count, layers int) {
	var t template
	for count < maxTemplates {
		s.templates[count] = t
		count++
		switch r.bits(2) {
		case 1:
			t.temporal++
		case 2:
			t.temporal, t.spatial = 0, t.spatial+1
		case 3:
			return count, int(t.spatial) + 1
		}
		if t.temporal > topLayer || t.spatial >= maxFrames {
			break
		}
	}
	r.short = true
	return 0, 0
}

// read reads the differences of a template.
func (t *template) read(r *bitReader) {
	for r.flag() {
		diff := uint16(r.bits(4) + 1)
		if t.count == maxReferences {
			r.short = true
			return
		}
		t.diffs[t.count] = diff
		t.count++
	}
}

// readChains reads template_chains for their number alone: what a frame
// depends on is known from its references.
func (s *structure) readChains(r *bitReader, count int) {
	s.chains = int(r.nonSymmetric(uint32(s.targets) + 1))
	if s.chains == 0 {
		return
	}
	for range s.targets {
		r.nonSymmetric(uint32(s.chains)) // decode_target_protected_by
	}
	r.skip(4 * count * s.chains)
}

// size16 reads a dimension less one. The largest is not used.
func size16(r *bitReader) uint16 { return uint16(min(r.bits(16)+1, 1<<16-1)) }
