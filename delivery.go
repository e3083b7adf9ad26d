package callreel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
	"github.com/callreel/callreel/storage"
)

// delivery brings finished chunks from the spool to the store, beside the
// recording, so that a slow store doesn't hold it up.
type delivery struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	done []Chunk // finished, in order, delivered or not; the owner's
	errs []error
}

// wait waits for everything on its way and returns what failed.
func (d *delivery) wait() error {
	d.wg.Wait()
	return errors.Join(d.errs...)
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

// deliver describes a finished chunk and sends it to the store.
func (r *Recording) deliver(m muxer.Chunk) {
	s := r.session
	start, end := timebase.Ticks(m.Start), timebase.Ticks(m.End)
	c := Chunk{
		Index: m.Index, DocumentID: DocumentID(r.id, m.Index),
		Start: start.Duration(), Duration: (end - start).Duration(),
		StartTime: r.eng.clock.time(s.timeline.local(start)),
		Bytes:     m.Bytes, EndReason: chunkSessionEnded,
		MediaKey: MediaKey(r.id, m.Index), MetadataKey: MetadataKey(r.id, m.Index),
	}
	if next := m.Index + 1; next < len(r.out.chunks) {
		c.EndReason = r.out.chunks[next].reason
	}
	meta, err := r.metadata(c, r.out.chunks[m.Index], r.pausesIn(c), r.conv.infos(s.stays))
	r.delivery.done = append(r.delivery.done, c)
	r.delivery.wg.Go(func() { r.upload(c, meta, err) })
}

// pausesIn returns the pauses that the chunk leaves out.
func (r *Recording) pausesIn(c Chunk) []Pause {
	var out []Pause
	for _, p := range r.pauses() {
		pos, _ := r.session.timeline.position(r.eng.clock.at(p.Start))
		if at := pos.Duration(); at >= c.Start && at < c.Start+c.Duration {
			out = append(out, p)
		}
	}
	return out
}

// upload stores a chunk and its metadata. What can't be stored stays in the spool.
func (r *Recording) upload(c Chunk, meta []byte, err error) {
	if err == nil {
		err = errors.Join(
			r.put(c.MediaKey, mediaName(c.Index), "video/mp4"),
			r.putJSON(c.MetadataKey, metadataName(c.Index), meta),
		)
	}
	if err == nil {
		r.tell(Event{Type: ChunkStored, Chunk: &c})
		return
	}
	err = fmt.Errorf("chunk %d: %w", c.Index, err)
	r.delivery.mu.Lock()
	r.delivery.errs = append(r.delivery.errs, err)
	r.delivery.mu.Unlock()
	r.tell(Event{Type: ChunkFailed, Chunk: &c, Err: err})
}

// put moves a file from the spool to the store.
func (r *Recording) put(key, name, contentType string) error {
	f, err := r.eng.spool.Open(r.id, name)
	if err != nil {
		return err
	}
	receipt, err := r.eng.cfg.Storage.Put(context.Background(), key, f, contentType)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = r.eng.spool.Remove(r.id, map[string]storage.Info{name: receipt})
	return err
}

// putJSON stores a document by way of the spool, so that it is not lost if the
// store is away.
func (r *Recording) putJSON(key, name string, doc []byte) error {
	f, err := r.eng.spool.Create(r.id, name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(doc, 0)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return r.put(key, name, "application/json")
}

// store keeps a document about the recording beside the chunks.
func (r *Recording) store(name string, v any) error {
	doc, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = r.putJSON(r.id+"/"+name, name, doc)
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	return nil
}
