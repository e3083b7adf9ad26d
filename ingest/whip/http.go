package whip

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	sdpType      = "application/sdp"
	fragmentType = "application/trickle-ice-sdpfrag"
	maxID        = 256 // bytes of a conversation or participant ID
)

// ServeHTTP answers POST and OPTIONS of /whip/{conversationId}, and PATCH,
// DELETE and OPTIONS of /whip/{conversationId}/{sessionId}. Errors are JSON
// objects with code and message.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	AllowOrigins(w.Header())
	s.mux.ServeHTTP(w, r)
}

// AllowOrigins lets pages of any origin read an answer (RFC 9725, section 4.1):
// what they may do depends on their token and not on cookies. It is for whoever
// answers a publisher in the server's stead.
func AllowOrigins(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After")
}

func (s *Server) routes() *http.ServeMux {
	type methods map[string]func(http.ResponseWriter, *http.Request, string) error
	mux := http.NewServeMux()
	handle := func(pattern, allow string, ms methods) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Methods", allow)
			serve, ok := ms[r.Method]
			if !ok {
				w.Header().Set("Allow", allow)
				s.fail(w, r, &statusError{http.StatusMethodNotAllowed, "MethodNotAllowed", r.Method + " is not for this resource"})
				return
			}
			conversation := r.PathValue("conversation")
			err := checkID(conversation)
			if err == nil {
				err = serve(w, r, conversation)
			}
			if err != nil {
				s.fail(w, r, err)
			}
		})
	}
	handle("/whip/{conversation}", "OPTIONS, POST", methods{
		http.MethodOptions: s.options, http.MethodPost: s.post,
	})
	handle("/whip/{conversation}/{session}", "DELETE, OPTIONS, PATCH", methods{
		http.MethodOptions: s.options, http.MethodPatch: s.patch, http.MethodDelete: s.delete,
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, fmt.Errorf("%w: no such resource", ErrNotFound))
	})
	return mux
}

// checkID holds an ID against the rules of [ingest.Participant].
func checkID(id string) error {
	if id == "" || len(id) > maxID || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) {
		return malformed("an ID is 1 to %d bytes of UTF-8 without control characters", maxID)
	}
	return nil
}

func (s *Server) options(w http.ResponseWriter, _ *http.Request, _ string) error {
	h := w.Header()
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	h.Set("Accept-Post", sdpType)
	h.Set("Accept-Patch", fragmentType)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// post begins a session (RFC 9725, section 4.2).
func (s *Server) post(w http.ResponseWriter, r *http.Request, conversation string) error {
	grant, err := s.authorize(r, conversation)
	if err != nil {
		return err
	}
	if !accepts(r.Header.Values("Accept"), sdpType) {
		return &statusError{http.StatusNotAcceptable, "NotAcceptable", "the answer is of type " + sdpType}
	}
	body, err := s.body(w, r, sdpType)
	if err != nil {
		return err
	}
	o, err := parseOffer(body)
	if err != nil {
		return err
	}
	sink, err := s.cfg.Sink(r.Context(), conversation)
	if err != nil {
		return err
	}
	x, err := s.newSession(conversation, grant, sink)
	if err != nil {
		return err
	}
	answer, etag, err := x.accept(r.Context(), o)
	if err != nil {
		x.end(err)
		return err
	}
	h := w.Header()
	h.Set("Content-Type", sdpType)
	h.Set("Location", sessionURL(r, x.id))
	h.Set("ETag", etag)
	h.Set("Accept-Patch", fragmentType)
	h.Set("Cache-Control", "no-store")
	for _, server := range s.cfg.ICEServers {
		if link, err := server.link(); err == nil {
			h.Add("Link", link)
		}
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // without the answer the session fails by itself
	return nil
}

// sessionURL keeps the query of the request, which may be what authorizes it.
func sessionURL(r *http.Request, id string) string {
	u := r.URL.EscapedPath() + "/" + id
	if r.URL.RawQuery != "" {
		u += "?" + r.URL.RawQuery
	}
	return u
}

// patch trickles candidates or restarts ICE (RFC 9725, sections 4.3.1 to 4.3.3).
func (s *Server) patch(w http.ResponseWriter, r *http.Request, conversation string) error {
	x, err := s.session(r, conversation)
	if err != nil {
		return err
	}
	body, err := s.body(w, r, fragmentType)
	if err != nil {
		return err
	}
	match := r.Header.Get("If-Match")
	if match == "" {
		return &statusError{http.StatusPreconditionRequired, "PreconditionRequired", "If-Match is needed"}
	}
	f, err := parseFragment(body)
	if err != nil {
		return err
	}
	answer, etag, err := x.patch(r.Context(), match, f)
	if err != nil {
		return err
	}
	if answer == "" {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	h := w.Header()
	h.Set("Content-Type", fragmentType)
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, answer) // the publisher tries again without it
	return nil
}

func (s *Server) delete(w http.ResponseWriter, r *http.Request, conversation string) error {
	x, err := s.session(r, conversation)
	if err != nil {
		return err
	}
	x.end(ErrDeleted)
	select {
	case <-x.done:
	case <-r.Context().Done():
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// session finds the session of a request and checks that it is the publisher's.
func (s *Server) session(r *http.Request, conversation string) (*session, error) {
	grant, err := s.authorize(r, conversation)
	if err != nil {
		return nil, err
	}
	x, err := s.find(r.PathValue("session"), conversation)
	if err != nil {
		return nil, err
	}
	if grant.Participant.ID != x.grant.Participant.ID || grant.Role != x.grant.Role {
		return nil, fmt.Errorf("%w: the session is another publisher's", ErrForbidden)
	}
	return x, nil
}

func (s *Server) authorize(r *http.Request, conversation string) (Grant, error) {
	g, err := s.cfg.Authorize(r, conversation)
	if err != nil {
		return g, err
	}
	return g, checkID(g.Participant.ID)
}

// body reads a request body of the given type.
func (s *Server) body(w http.ResponseWriter, r *http.Request, want string) ([]byte, error) {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != want {
		return nil, &statusError{http.StatusUnsupportedMediaType, "UnsupportedMediaType", "the body must be of type " + want}
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.cfg.MaxSDPSize))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); err != nil && !tooLarge {
		return nil, malformed("the body ended early")
	}
	return b, err
}

// accepts reports whether Accept headers admit a type (RFC 9110, section 12.5.1).
func accepts(headers []string, want string) bool {
	list := strings.Join(headers, ",")
	if strings.TrimSpace(list) == "" {
		return true
	}
	kind, _, _ := strings.Cut(want, "/")
	for item := range strings.SplitSeq(list, ",") {
		got, params, err := mime.ParseMediaType(item)
		if err != nil || (got != want && got != kind+"/*" && got != "*/*") {
			continue
		}
		if q := strings.Trim(params["q"], "0."); params["q"] == "" || q != "" {
			return true
		}
	}
	return false
}

// link formats a server as in RFC 9725, section 4.6.
func (s ICEServer) link() (string, error) {
	scheme, _, _ := strings.Cut(s.URL, ":")
	switch {
	case scheme != "stun" && scheme != "stuns" && scheme != "turn" && scheme != "turns",
		strings.ContainsFunc(s.URL+s.Username+s.Credential, unicode.IsControl), strings.ContainsAny(s.URL, "<> \""):
		return "", fmt.Errorf("whip: ICE server %q", s.URL)
	}
	link := "<" + s.URL + `>; rel="ice-server"`
	if s.Username != "" {
		escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		link += fmt.Sprintf(`; username="%s"; credential="%s"; credential-type="password"`,
			escape.Replace(s.Username), escape.Replace(s.Credential))
	}
	return link, nil
}
