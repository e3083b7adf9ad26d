package ingest

import (
	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

// The defaults of a [ReceiverConfig].
const (
	DefaultMaxWait  = 300 * timebase.Millisecond
	DefaultMaxBytes = 16 << 20
	DefaultMaxFrame = 4 << 20
)

// ReceiverConfig says what a [Receiver] receives. Only Codec is required.
type ReceiverConfig struct {
	Codec *Codec
	// Fmtp is the format parameters of the SDP. Of H.264 the parameter sets
	// are used (RFC 6184 section 8.1), in case the stream does not carry them.
	Fmtp string
	// Payloads says which payload types carry what. Zero means that every packet
	// is of the codec.
	Payloads Payloads
	// Extensions are the IDs of header extensions. Without that of the
	// dependency descriptor AV1 waits for a key frame after any loss; ULPFEC
	// needs those that change on the way.
	Extensions Extensions
	// MaxWait is how long packets are held back for a missing one, which may
	// still be retransmitted. Zero means DefaultMaxWait.
	MaxWait timebase.Ticks
	// MaxBytes bounds the packets held back, and also the units that were not
	// popped. Besides it no more than 1024 packets are held back, which at high
	// rates come in less than MaxWait. Zero means DefaultMaxBytes.
	MaxBytes int
	// MaxFrame bounds the size of a unit in bytes. Zero means DefaultMaxFrame.
	MaxFrame int
}

// Unit is what a decoder takes at a time. It belongs to the one who popped it,
// for good, or until [Receiver.Recycle].
type Unit struct {
	// RTP is the timestamp in units of the track's clock, extended to 64 bits.
	// It may jump when the sender's does, and starts anew with another SSRC.
	RTP int64
	// SSRC is the sender's, to which its sender reports refer.
	SSRC uint32
	// Arrival is when the first of its packets came.
	Arrival timebase.Ticks
	// Data is one packet's payload of audio, a VP8 frame, a VP9 frame or
	// superframe with the spatial layers that are wanted, an H.264 access unit
	// with start codes (ISO/IEC 14496-10 annex B), or an AV1 temporal unit
	// with OBU sizes and a temporal delimiter: what libavcodec decodes.
	Data []byte
	// Key says that decoding of video can start here. H.264 then has its
	// parameter sets in Data.
	Key bool
	// Discardable says that no other unit depends on this one.
	Discardable bool
	// Width and Height are those of a key frame in pixels, in its highest
	// spatial layer and before rotation. Zero if not known.
	Width, Height int
	// Spatial and Temporal are the IDs of the highest layers in it. Of H.264
	// what nothing refers to is temporal layer 1.
	Spatial, Temporal uint8
	// Sync says that of what was before, nothing is needed for it but units of
	// temporal layer 0 (RFC 7741: a layer sync). It is false where the stream
	// does not tell.
	Sync bool
	// Rotation is by how many degrees to turn the picture clockwise for
	// display: 0, 90, 180 or 270. It needs the video orientation extension.
	Rotation int
	// Colour is what the sender tells of the picture's samples. It needs the
	// color-space extension.
	Colour Colour
	// Lost is how many packets were given up since the unit before.
	Lost int
	// Dropped is how many access units were left out since the unit before
	// because they were incomplete or depended on missing ones.
	Dropped int
}

func (u *Unit) size() int { return len(u.Data) + overhead }

// Receiver turns the RTP packets of one track, or of one simulcast layer, into
// units in decode order. It puts packets in order, waits for missing ones, and
// hands out no video that depends on something missing: after a loss nothing
// but what certainly decodes, up to the next key frame.
//
// A Receiver is passive: it has no goroutine and no clock, and only one call
// may be made at a time. Its memory is bounded.
type Receiver struct {
	cfg   ReceiverConfig
	stats Stats

	started bool // the sequence number due is known
	known   bool // ssrc is valid
	ssrc    uint32
	clock   timebase.Unwrapper
	newest  uint32 // timestamp of the last packet delivered
	stray   arrived
	buf     reorder
	lost    int // packets given up since the last unit
	dropped int // access units left out since then

	asker    asker
	fec      *ulpfec    // nil without
	blocks   []redBlock // of the packet that is pushed
	restored []int64    // sequence numbers of the packets that were restored last

	video assembler
	keys  keyAsker
	want  layerIDs
	idle  bool // nothing is handed out
	seen  sightings
	turn  int // the rotation in degrees

	colour Colour

	units  []Unit
	popped int // of units
	queued int // bytes in units

	spare [][]byte // memory for the data of units to come
	large []byte   // and of one that needs more than those
}

// NewReceiver returns a receiver. It panics without a codec.
func NewReceiver(cfg ReceiverConfig) *Receiver {
	if cfg.MaxWait == 0 {
		cfg.MaxWait = DefaultMaxWait
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	if cfg.MaxFrame == 0 {
		cfg.MaxFrame = DefaultMaxFrame
	}
	r := &Receiver{cfg: cfg, clock: timebase.Unwrapper{Bits: 32}, want: newLayerIDs(-1, -1)}
	if cfg.Payloads.Media != 0 && cfg.Payloads.ULPFEC != 0 {
		r.fec = newULPFEC(cfg.Extensions)
	}
	r.newStream()
	return r
}

// newStream forgets what was known of the coded stream.
func (r *Receiver) newStream() {
	if r.cfg.Codec.Kind == Video {
		r.video = assembler{
			codec: r.cfg.Codec.newDepacketiser(depacketiserConfig{r.cfg.Fmtp, r.cfg.MaxFrame}),
			chain: newChain(),
		}
	}
	r.keys, r.seen, r.turn = keyAsker{}, sightings{}, 0
}

// Push takes a packet, which the receiver keeps, that came at the local time at.
func (r *Receiver) Push(p *rtp.Packet, at timebase.Ticks) {
	r.stats.Packets++
	r.stats.Bytes += uint64(len(p.Payload))
	r.keys.heard = true
	r.unwrap(p)
	switch {
	case !r.started:
		r.start(p)
	case r.strange(p) && !r.resync(arrived{p, at}):
		return
	}
	r.makeRoom(p)
	r.restoreRED(p, at)
	r.accept(arrived{p, at})
	r.Advance(at)
}

// start makes p the first packet of a run of sequence numbers.
func (r *Receiver) start(p *rtp.Packet) {
	if r.known && p.SSRC != r.ssrc {
		r.stats.SSRCChanges++
		r.clock.Reset()
		r.newStream()
	}
	r.started, r.known, r.ssrc, r.newest = true, true, p.SSRC, p.Timestamp
	r.buf.start(p.SequenceNumber)
	r.startRecovery()
}

// accept takes a packet of the running stream.
func (r *Receiver) accept(p arrived) {
	r.protect(p)
	offset := r.buf.offset(p.SequenceNumber)
	switch {
	case offset < 0 && !r.buf.had(offset):
		r.stats.Late++
	case offset < 0 || !r.buf.put(offset, p):
		r.repeated(offset)
	default:
		r.dropStray()
		if r.asker.came(r.buf.next+int64(offset), p.at) {
			r.stats.Repaired++
		}
	}
	r.drain()
	for r.buf.bytes > r.cfg.MaxBytes {
		r.giveUp()
	}
}

// Advance gives up packets that were waited for too long. It is to be called
// now and then also if nothing comes.
func (r *Receiver) Advance(now timebase.Ticks) {
	for r.buf.count > 0 && now-r.buf.oldest() >= r.cfg.MaxWait {
		r.giveUp()
	}
}

// makeRoom gives up the packets that are missing longest where p is too far ahead
// of them. At high rates that is so before MaxWait is over.
func (r *Receiver) makeRoom(p *rtp.Packet) {
	for r.buf.count > 0 && r.buf.offset(p.SequenceNumber) > maxJump {
		r.giveUp()
	}
}

// giveUp gives up the packets missing before the first one held back.
func (r *Receiver) giveUp() {
	n := r.buf.skip()
	r.asker.forget(r.buf.next)
	r.stats.Lost += uint64(n)
	r.stats.Gaps++
	r.lost += n
	r.lose(n)
	r.drain()
}

// drain delivers the packets that are due.
func (r *Receiver) drain() {
	for {
		p, ok := r.buf.take()
		if !ok {
			return
		}
		r.deliver(p)
	}
}

// deliver takes the packets in order.
func (r *Receiver) deliver(p arrived) {
	if len(p.Payload) == 0 {
		return
	}
	r.newest = p.Timestamp
	ts := r.clock.Unwrap(p.Timestamp)
	if r.cfg.Codec.Kind == Video {
		r.assemble(p, ts)
		return
	}
	r.emit(Unit{RTP: ts, Arrival: p.at, Data: p.Payload})
}

// emit queues a unit. It reports false if there is no room.
func (r *Receiver) emit(u Unit) bool {
	if r.queued+u.size() > r.cfg.MaxBytes {
		r.leaveOut()
		return false
	}
	u.SSRC, u.Lost, u.Dropped = r.ssrc, r.lost, r.dropped
	r.lost, r.dropped = 0, 0
	r.units = append(r.units, u)
	r.queued += u.size()
	r.stats.Units++
	return true
}

// leaveOut counts an access unit that is not handed out.
func (r *Receiver) leaveOut() {
	r.stats.FramesDropped++
	r.dropped++
}

// Torn reports whether access units were left out since the newest unit, so that
// what it showed stands for want of a later one.
func (r *Receiver) Torn() bool { return r.dropped > 0 }

// Waiting reports whether packets are held back for a missing one.
func (r *Receiver) Waiting() bool { return r.buf.count > 0 }

// Reached reports whether all packets before the one with a sequence number have
// come, or were given up, as far as it has come to packets.
func (r *Receiver) Reached(seq uint16) bool {
	return !r.started || r.buf.count == 0 && r.buf.offset(seq) <= 0
}

// Pop returns the next unit in decode order.
func (r *Receiver) Pop() (Unit, bool) {
	if r.popped == len(r.units) {
		return Unit{}, false
	}
	u := r.units[r.popped]
	r.units[r.popped] = Unit{}
	r.popped++
	r.queued -= u.size()
	if r.popped == len(r.units) {
		r.units, r.popped = r.units[:0], 0
	}
	return u, true
}

// WantKeyFrame reports whether to ask the sender for a key frame now: at the
// start of video, after a loss or when it looks as if there will be one, and
// where a spatial layer that is wanted does not begin without one. It says so
// once, and then again after 500 ms, 1 s, 2 s and every 4 s, as long as packets
// but no key frame come.
func (r *Receiver) WantKeyFrame(now timebase.Ticks) bool {
	c := &r.video.chain
	return r.cfg.Codec.Kind == Video && (c.broken || c.poor || r.hopeless(now)) && r.keys.ask(now)
}

// Reset forgets what is buffered and not popped, as after a pause. The packets
// that are missing until the next one do not count as lost; video goes on with
// a key frame.
func (r *Receiver) Reset() {
	r.started, r.stray, r.lost, r.dropped = false, arrived{}, 0, 0
	r.buf.start(0)
	r.startRecovery()
	clear(r.units)
	r.units, r.popped, r.queued = r.units[:0], 0, 0
	r.restartVideo()
}

// Unwrap extends a timestamp, such as that of a sender report, in the same way
// as those of the units.
func (r *Receiver) Unwrap(timestamp uint32) int64 { return r.clock.Peek(timestamp) }

// Stats returns the counters.
func (r *Receiver) Stats() Stats { return r.stats }
