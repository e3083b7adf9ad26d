package control

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
)

const maxRequestID = 128 // bytes

// observe names each request, logs it without its query, which may hold
// secrets, and turns a panic into an error.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		seen := &responseLog{ResponseWriter: w}
		id := uuid.NewString()
		h := w.Header()
		h.Set("X-Ms-Request-Id", id)
		if c := r.Header.Get("X-Ms-Client-Request-Id"); c != "" && len(c) <= maxRequestID {
			h.Set("X-Ms-Client-Request-Id", c)
			id = c
		}
		h.Set("X-Content-Type-Options", "nosniff")
		r, what := withSubject(r)
		defer func() {
			s.recovered(seen, r, recover())
			s.metrics.observe(*what, seen.status, time.Since(begin))
			s.log.Log(r.Context(), level(seen.status), "request",
				"id", id, "method", r.Method, "path", r.URL.Path, "status", seen.status,
				"bytes", seen.bytes, "duration", time.Since(begin), "from", r.RemoteAddr)
		}()
		next.ServeHTTP(seen, r)
	})
}

// recovered answers a request whose handler panicked with value, if it did. If
// part of an answer is out, all that can be done is to cut it off.
func (s *Server) recovered(w *responseLog, r *http.Request, value any) {
	if value == nil {
		return
	}
	if value != http.ErrAbortHandler { //nolint:errorlint // a value of panic is compared, as net/http does
		s.log.LogAttrs(context.WithoutCancel(r.Context()), slog.LevelError, "panic",
			slog.String("path", r.URL.Path), slog.String("value", fmt.Sprint(value)), slog.String("stack", string(debug.Stack())))
	}
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	status, body := own{}.failure(0, internalProblem())
	reply(w, status, body)
}

// level is how much an operator wants to know of a request. What requests
// change is logged by itself.
func level(status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelWarn
	case status >= http.StatusBadRequest:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// responseLog remembers what was answered.
type responseLog struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (l *responseLog) WriteHeader(status int) {
	if l.status == 0 && status >= http.StatusOK {
		l.status = status
	}
	l.ResponseWriter.WriteHeader(status)
}

func (l *responseLog) Write(b []byte) (int, error) {
	if l.status == 0 {
		l.status = http.StatusOK
	}
	n, err := l.ResponseWriter.Write(b)
	l.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (l *responseLog) Unwrap() http.ResponseWriter { return l.ResponseWriter }
