package control

import (
	"net/http"

	"github.com/callreel/callreel"
)

// content is the part of the released API that hands out files and deletes
// them. Its clients read status and message from the top of an error's body,
// without regard to what an operation's errors look like; other readers find
// the nested error beside them.
type content struct{ calling }

var _ dialect = content{}

type contentError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
	nestedError
}

func (content) failure(_ verb, p *problem) (status int, body any) {
	return p.status, contentError{p.status, p.message, nestedError{flat(p)}}
}

// deleteDocument deletes a chunk and its metadata. Clients take no other status
// for success than 200.
func (s *Server) deleteDocument(w http.ResponseWriter, r *http.Request, c call) error {
	recording, chunk, err := parseDocument(c.document)
	if err != nil {
		return err
	}
	if err := s.checkSees(r.Context(), c, recording); err != nil {
		return err
	}
	media := callreel.MediaKey(recording, chunk)
	obj, err := s.cfg.Store.Open(r.Context(), media)
	if err != nil {
		return err
	}
	if err := obj.Close(); err != nil {
		return err
	}
	// The media goes last, so that a deletion that failed can be repeated.
	for _, key := range []string{callreel.MetadataKey(recording, chunk), media} {
		if err := s.cfg.Store.Delete(r.Context(), key); err != nil {
			return err
		}
	}
	s.log.InfoContext(r.Context(), "deleted", "document", c.document)
	reply(w, http.StatusOK, struct{}{})
	return nil
}
