package control

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/storage"
)

// showReport sends the quality report that a recording left in the store.
func (s *Server) showReport(w http.ResponseWriter, r *http.Request, c call) (err error) {
	d, err := s.visible(r.Context(), c)
	if err != nil {
		return err
	}
	obj, err := s.cfg.Store.Open(r.Context(), callreel.ReportKey(d.ID))
	if errors.Is(err, storage.ErrNotExist) {
		return notFound("the recording has no report yet: it is made when the recording has ended")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, obj.Close()) }()
	doc, err := io.ReadAll(io.LimitReader(obj, maxResult))
	if err != nil {
		return fmt.Errorf("control: report of recording %s: %w", d.ID, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, err = w.Write(doc)
	return err
}
