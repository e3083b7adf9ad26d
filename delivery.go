package callreel

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/callreel/callreel/internal/timebase"
)

// delivery is what of a recording is on its way to the store. The parcel goes
// beside the recording, so that a slow store doesn't hold it up.
type delivery struct {
	done      []Chunk // finished, in order, delivered or not
	finished  []*finishedChunk
	shipments []*shipment // the writer's, until it has ended
	errs      []error     // why something can't even be sent
}

// finishedChunk waits until the manifest names it.
type finishedChunk struct {
	Chunk
	files []spoolFile // the writer's
}

// wait waits until everything was tried and returns why something is not in the
// store now.
func (d *delivery) wait(p *parcel) error {
	errs := d.errs
	for _, s := range d.shipments {
		<-s.tried
		if errors.Is(s.err, errGone) || !p.arrived(s) {
			errs = append(errs, s.err)
		}
	}
	return errors.Join(errs...)
}

func mediaName(index int) string    { return fmt.Sprintf("%d.mp4", index) }
func metadataName(index int) string { return fmt.Sprintf("%d.json", index) }

// The objects that hold a recording's Result, Report and capture.
const (
	resultName  = "recording.json"
	reportName  = "report.json"
	captureName = "capture.pcapng"
)

// MediaKey and MetadataKey are where a chunk's objects are in the store, ResultKey,
// ReportKey and CaptureKey where the recording's result, quality report and
// capture are.
func MediaKey(recording string, index int) string { return recording + "/" + mediaName(index) }

func MetadataKey(recording string, index int) string { return recording + "/" + metadataName(index) } //nolint:revive // see MediaKey
func ResultKey(recording string) string              { return recording + "/" + resultName }          //nolint:revive // see MediaKey
func ReportKey(recording string) string              { return recording + "/" + reportName }          //nolint:revive // see MediaKey
func CaptureKey(recording string) string             { return recording + "/" + captureName }         //nolint:revive // see MediaKey

// DocumentID names a chunk, for download.
func DocumentID(recording string, index int) string { return fmt.Sprintf("%d-%s", index, recording) }

// deliver describes a finished chunk, for offer to send it to the store. Its
// description is in the spool before the manifest names the chunk.
func (r *Recording) deliver(m doneChunk) {
	s := r.session
	start, end := timebase.Ticks(m.Start), timebase.Ticks(m.End)
	c := Chunk{
		Index: m.Index, DocumentID: DocumentID(r.id, m.Index),
		Start: start.Duration(), Duration: (end - start).Duration(),
		StartTime: r.eng.clock.time(s.timeline.local(start)),
		Bytes:     m.Bytes, EndReason: cmp.Or(m.reason, chunkSessionEnded),
		MediaKey: MediaKey(r.id, m.Index), MetadataKey: MetadataKey(r.id, m.Index),
	}
	meta, err := describeChunk(r.eng.cfg.ResourceID, r.cfg, c, m.rates(c.Duration), r.leftOut(c), r.people())
	if err != nil {
		r.delivery.errs = append(r.delivery.errs, fmt.Errorf("metadata of chunk %d: %w", m.Index, err))
	}
	r.delivery.done = append(r.delivery.done, c)
	f := &finishedChunk{c, []spoolFile{mediaFile(m.Index)}}
	r.delivery.finished = append(r.delivery.finished, f)
	if err == nil {
		r.out.do(func() { f.files = append(f.files, r.eng.courier.document(r.id, metadataName(m.Index), meta)) })
	}
}

// offer sends finished chunks to the store, after the manifest that names them is
// saved: what is in the store is not in the spool any more, and if no manifest
// named it either, a crash would make the recording forget it.
func (r *Recording) offer() {
	for _, f := range r.delivery.finished {
		r.out.do(func() { r.delivery.shipments = append(r.delivery.shipments, r.parcel.add(&f.Chunk, f.files...)) })
	}
	r.delivery.finished = nil
}

func mediaFile(index int) spoolFile {
	return spoolFile{name: mediaName(index), contentType: "video/mp4"}
}

func document(name string) spoolFile { return spoolFile{name: name, contentType: "application/json"} }

// document puts a document about a recording into the spool, for the store. If
// the spool does not take it, it is in memory until it is in the store.
func (c *courier) document(recording, name string, content []byte) spoolFile {
	f := document(name)
	if err := c.spool.Replace(recording, name, content); err != nil {
		c.log.Warn("a document is in memory only until it is delivered", "recording", recording, "error", err)
		f.content = content
	}
	return f
}

// write puts a document about a recording into the spool.
func (c *courier) write(recording, name string, v any) error {
	doc, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = c.spool.Replace(recording, name, doc)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
