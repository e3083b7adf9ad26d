package control

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/callreel/callreel"
)

// download hands out a chunk or its metadata, or the part of it that the
// request wants (RFC 9110, section 14).
func (s *Server) download(w http.ResponseWriter, r *http.Request, c call) error {
	rec, chunk, err := s.document(c)
	if err != nil {
		return err
	}
	recording := rec.ID
	if c.verb == downloadMedia {
		return s.serveObject(w, r, callreel.MediaKey(recording, chunk), "video/mp4", c.document+".mp4")
	}
	key, name := callreel.MetadataKey(recording, chunk), c.document+".json"
	if c.dialect == (content{}) {
		return s.serveMetadata(w, r, key, name)
	}
	return s.serveObject(w, r, key, "application/json", name) // it is kept in the form of the seed
}

func (s *Server) serveObject(w http.ResponseWriter, r *http.Request, key, contentType, name string) error {
	obj, err := s.cfg.Store.Open(r.Context(), key)
	if err != nil {
		return err
	}
	setFileHeaders(w.Header(), contentType, name, obj.ETag)
	err = serveContent(w, r, obj.ModTime, obj)
	if err := obj.Close(); err != nil {
		s.log.WarnContext(r.Context(), "close object", "key", key, "error", err)
	}
	return err
}

// serveContent sends what a request wants of a file. A range beyond its end is an
// error, for the dialect to tell: some clients can't read any other answer.
func serveContent(w http.ResponseWriter, r *http.Request, modified time.Time, file io.ReadSeeker) error {
	repairRange(r.Header)
	sent := &contentWriter{ResponseWriter: w}
	http.ServeContent(sent, r, "", modified, file)
	if !sent.beyond {
		return nil
	}
	w.Header().Del("Content-Disposition")
	return &problem{
		status: http.StatusRequestedRangeNotSatisfiable, code: codeInvalid, target: "Range",
		message: "the range begins beyond the end of the file",
	}
}

// contentWriter keeps back the text with which http.ServeContent refuses a range.
type contentWriter struct {
	http.ResponseWriter
	beyond bool
}

func (w *contentWriter) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable {
		w.beyond = true
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *contentWriter) Write(b []byte) (int, error) {
	if w.beyond {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// setFileHeaders describes a file; etag may be empty.
func setFileHeaders(h http.Header, contentType, name, etag string) {
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", name))
	h.Set("Cache-Control", "private, no-cache")
	if etag != "" {
		h.Set("ETag", etag)
	}
}

// parseDocument takes apart what callreel.DocumentID makes.
func parseDocument(id string) (recording string, chunk int, err error) {
	number, recording, _ := strings.Cut(id, "-")
	chunk, err = strconv.Atoi(number)
	if err != nil || chunk < 0 || !isRecordingID(recording) || callreel.DocumentID(recording, chunk) != id {
		return "", 0, errNoDocument
	}
	return recording, chunk, nil
}

var recordingID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// isRecordingID tells what may name a recording, and so a directory of the
// store, from what never does.
func isRecordingID(id string) bool { return recordingID.MatchString(id) }

var (
	goodRange  = regexp.MustCompile(`^bytes=(\d+-\d*|-\d+)$`)
	startRange = regexp.MustCompile(`^bytes=\d+$`)
)

// repairRange makes the Range header of a request one that means something.
// Clients of this API are known to send "bytes=5", which means from there on,
// and "bytes=undefined" or "bytes=None", which mean everything, as do several
// ranges at once, which a server need not serve.
func repairRange(h http.Header) {
	switch value := h.Get("Range"); {
	case goodRange.MatchString(value):
	case startRange.MatchString(value):
		h.Set("Range", value+"-")
	default:
		h.Del("Range")
	}
}
