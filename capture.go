package callreel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/capture"
	"github.com/callreel/callreel/internal/timebase"
)

const (
	captureFlush   = time.Second // how long what is captured stays in memory
	captureWake    = 256 << 10   // bytes in memory that are written at once
	capturePending = 8 << 20     // bytes in memory beyond which packets are lost
	captureLimit   = 4 << 30     // bytes of a capture
	captureLater   = 1 << 16     // changes of the roster in a pause that are kept
)

// What can become of a capture while the recording goes on.
var (
	errCaptureFull = fmt.Errorf("it has grown to %d GiB", captureLimit>>30)
	errCaptureLate = errors.New("writing does not keep up")
)

// captureOnItsWay is a capture's file.
func captureOnItsWay() spoolFile {
	return spoolFile{name: captureName, contentType: "application/x-pcapng"}
}

// captureFile is where a capture goes, as to an *os.File.
type captureFile interface {
	io.WriteCloser
	Sync() error
}

// tap writes what a recording is let have, and the roster. Its methods take no
// longer than it takes to encode a packet into memory: a goroutine writes it,
// from openTap to close. What does not fit is lost to the capture only. The
// methods of a nil tap do nothing.
type tap struct {
	clock  localClock
	file   captureFile
	failed func(error) // told by the goroutine
	wake   chan struct{}
	quit   chan struct{}
	done   chan struct{}

	// The goroutine's.
	spare   []byte
	written int64

	mu      sync.Mutex
	buf     []byte // blocks to be written
	stays   map[*member]*tappedStay
	layers  map[*layer]*tappedLayer
	joined  uint32 // stays so far
	paused  bool   // changes of the roster wait in later
	later   []capture.Event
	holding bool // everything waits in held
	held    []heldBlock
	lost    uint64
	dead    bool // nothing can be written any more
}

// tappedStay numbers what a member has in the capture.
type tappedStay struct {
	number uint32
	layers uint16
}

// tappedLayer is what was written of a layer.
type tappedLayer struct {
	flow     capture.Flow
	payloads []uint8 // payload types that were described
	reported bool    // a sender report was written
}

// heldBlock waits for the beginning of a pause to be known.
type heldBlock struct {
	at   timebase.Ticks // captured
	data []byte
}

// openTap begins a capture that takes the file over.
func openTap(file captureFile, clock localClock, start timebase.Ticks, settings any, failed func(error)) (*tap, error) {
	doc, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	t := &tap{
		clock: clock, file: file, failed: failed,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		buf:    capture.AppendHeader(nil),
		stays:  make(map[*member]*tappedStay),
		layers: make(map[*layer]*tappedLayer),
	}
	at := clock.time(start)
	t.buf, err = capture.AppendEvent(t.buf, at, capture.Event{
		Type: capture.Recording, At: at, Version: capture.Version, Clock: clock.epoch.UTC(), Settings: doc,
	})
	if err != nil {
		return nil, err
	}
	go t.run()
	return t, nil
}

// run writes until close.
func (t *tap) run() {
	defer close(t.done)
	tick := time.NewTicker(captureFlush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.wake:
		case <-t.quit:
			t.flush()
			return
		}
		t.flush()
	}
}

// flush writes what there is, and tells once what was lost since the last time.
func (t *tap) flush() {
	t.mu.Lock()
	out, lost := t.buf, t.lost
	t.buf, t.lost = t.spare[:0], 0
	if lost > 0 {
		now := t.clock.now()
		t.put(now, capture.Event{Type: capture.Lost, At: t.clock.time(now), Packets: lost})
	}
	t.mu.Unlock()
	if lost > 0 {
		t.failed(fmt.Errorf("%d packets are not in the capture: %w", lost, errCaptureLate))
	}
	if err := t.write(out); err != nil {
		t.mu.Lock()
		t.dead, t.buf = true, nil
		t.mu.Unlock()
		t.failed(fmt.Errorf("the capture ends early: %w", err))
	}
	t.spare = out[:0]
}

func (t *tap) write(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	if t.written += int64(len(out)); t.written > captureLimit {
		return errCaptureFull
	}
	_, err := t.file.Write(out)
	return err
}

// close writes the rest and closes the file. Nothing may come after it.
func (t *tap) close() error {
	if t == nil {
		return nil
	}
	close(t.quit)
	<-t.done
	return errors.Join(t.file.Sync(), t.file.Close())
}

// add encodes something into memory; t.mu is held.
func (t *tap) add(at timebase.Ticks, limit int, encode func(dst []byte) ([]byte, error)) {
	var err error
	switch {
	case t.dead:
		return
	case t.holding:
		var block []byte
		if block, err = encode(nil); err == nil {
			t.held = append(t.held, heldBlock{at, block})
		}
	case len(t.buf) > limit:
		t.lost++
	default:
		t.buf, err = encode(t.buf)
	}
	if err != nil {
		t.lost++
	}
	if len(t.buf) >= captureWake {
		select {
		case t.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// put writes an event. There is more room for events than for packets.
func (t *tap) put(now timebase.Ticks, e capture.Event) {
	t.add(now, 2*capturePending, func(dst []byte) ([]byte, error) {
		return capture.AppendEvent(dst, t.clock.time(now), e)
	})
}

// rtp writes a packet that arrived now and was captured at local time at.
func (t *tap) rtp(l *layer, p *rtp.Packet, now, at timebase.Ticks) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tl := t.layers[l]
	if tl == nil { // there were too many
		t.lost++
		return
	}
	wall := t.clock.time(now)
	if !slices.Contains(tl.payloads, p.PayloadType) {
		tl.payloads = append(tl.payloads, p.PayloadType)
		t.add(at, capturePending, func(dst []byte) ([]byte, error) {
			return capture.AppendDescription(dst, wall, tl.flow, l.info, tl.payloads)
		})
	}
	t.add(at, capturePending, func(dst []byte) ([]byte, error) { return capture.AppendRTP(dst, wall, tl.flow, p) })
	if sr := l.report; sr != nil && sr.SSRC == p.SSRC && !tl.reported {
		t.report(tl, sr, now)
	}
}

// rtcp writes a sender report that arrived now.
func (t *tap) rtcp(l *layer, sr *rtcp.SenderReport, now timebase.Ticks) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if tl := t.layers[l]; tl != nil {
		t.report(tl, sr, now)
	}
}

func (t *tap) report(tl *tappedLayer, sr *rtcp.SenderReport, now timebase.Ticks) {
	tl.reported = true
	t.add(now, capturePending, func(dst []byte) ([]byte, error) {
		return capture.AppendRTCP(dst, t.clock.time(now), tl.flow, sr)
	})
}

// openCapture begins the capture if one is wanted.
func (r *Recording) openCapture(now timebase.Ticks) error {
	if !r.cfg.Capture {
		return nil
	}
	f, err := r.eng.spool.Create(r.id, captureName)
	if err != nil {
		return err
	}
	if r.tap, err = openTap(f, r.eng.clock, now, r.cfg, r.captureFailed); err != nil {
		return errors.Join(err, f.Close(), r.eng.spool.Discard(r.id, captureName))
	}
	return nil
}

func (r *Recording) captureFailed(err error) {
	r.session.log.Error("capture", "error", err)
	r.tell(Event{Type: CaptureFailed, Err: err})
}

// endCapture begins to close the capture. That it fails is no failure of the
// recording.
func (r *Recording) endCapture() {
	if r.tap == nil {
		return
	}
	t := r.tap
	r.tap = nil
	r.capturing.Go(func() {
		if err := t.close(); err != nil {
			r.captureFailed(err)
			return
		}
		r.complete = true
	})
}

// closeCapture waits for it and sends the capture to the store.
func (r *Recording) closeCapture() {
	r.capturing.Wait()
	if r.complete {
		r.captured = CaptureKey(r.id)
	}
	if r.captured != "" { // it may be of before a crash
		r.delivery.shipments = append(r.delivery.shipments, r.parcel.add(nil, captureOnItsWay()))
	}
}
