package control

import (
	"errors"
	"net/http"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/storage"
)

// showReport sends the quality report that a recording left in the store.
func (s *Server) showReport(w http.ResponseWriter, r *http.Request, c call) error {
	d, err := s.visible(c)
	if err != nil {
		return err
	}
	err = s.serveObject(w, r, callreel.ReportKey(d.ID), "application/json", d.ID+".report.json")
	if errors.Is(err, storage.ErrNotExist) {
		return notFound("the recording has no report yet: it is made when the recording has ended")
	}
	return err
}
