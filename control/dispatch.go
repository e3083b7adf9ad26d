package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody     = 256 << 10        // bytes, of any request
	bodyTimeout = 20 * time.Second // for all of it
)

// dispatch hands WHIP and the page to their own handlers and does the rest itself.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case first == "whip":
		isAbout(r, "whip")
		s.whip.ServeHTTP(w, r)
		return
	case first == "call" && !strings.HasSuffix(rest, "/state"):
		isAbout(r, "page")
		s.page.ServeHTTP(w, r)
		return
	}
	c, err := s.route(r.Method, path, apiVersion(r))
	if err == nil {
		isAbout(r, c.verb.String())
		c.claims, err = s.authorize(r, c)
	}
	if err == nil {
		err = c.serve(s, w, r, c)
	}
	if err != nil {
		s.fail(w, r, c, err)
	}
}

// fail answers with an error in the dialect of the call.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, c call, err error) {
	p := toProblem(err)
	if p.status == http.StatusInternalServerError {
		s.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
	}
	h := w.Header()
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	h.Set("X-Ms-Error-Code", p.code)
	status, body := c.dialect.failure(c.verb, p)
	reply(w, status, body)
}

// reply writes JSON, or nothing but the status. That the client is gone by now is nobody's problem.
func reply(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // made of strings and numbers
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// buffer reads the body of a request before anything else is done, so that no
// client holds up a handler by sending slowly, or fills the memory.
func (s *Server) buffer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body, err := readBody(w, r)
		if err != nil {
			s.fail(w, r, call{endpoint: endpoint{dialect: own{}}}, err)
			return
		}
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

func readBody(w http.ResponseWriter, r *http.Request) (io.ReadCloser, error) {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every transport can
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &problem{
			status: http.StatusRequestEntityTooLarge, code: codeInvalid,
			message: "the body is larger than " + strconv.Itoa(maxBody) + " bytes",
		}
	}
	if err != nil {
		return nil, invalid("", "the body ended early")
	}
	_ = conn.SetReadDeadline(time.Time{})
	return io.NopCloser(bytes.NewReader(b)), nil
}
