package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/callreel/callreel/control"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
)

// publishWait is how long somebody who wants to publish waits for a worker.
const publishWait = 10 * time.Second

// Open returns what answers the requests of WHIP: it passes them on to the worker
// of the conversation, once access has let them. All others it answers itself.
func (p *Pool) Open(access control.Access) (http.Handler, error) {
	p.may = access
	var err error
	p.front, err = whip.New(whip.Config{
		Sink: func(context.Context, string) (ingest.Sink, error) { return nil, whip.ErrUnavailable },
		Authorize: func(r *http.Request, conversation string) (whip.Grant, error) {
			_, g, err := access(r, conversation)
			return g, err
		},
		Logger: p.log,
	})
	return http.HandlerFunc(p.serveWHIP), err
}

func (p *Pool) serveWHIP(w http.ResponseWriter, r *http.Request) {
	given, ok := publishes(r)
	if !ok {
		p.front.ServeHTTP(w, r)
		return
	}
	conversation, g, err := p.may(r, given)
	if err != nil {
		p.front.ServeHTTP(w, r)
		return
	}
	to, err := p.publishTo(r, conversation)
	if err != nil {
		p.log.Warn("nobody can publish", "conversation", conversation, "error", err)
	}
	if to == nil {
		p.front.ServeHTTP(w, r) // there is no such session, or no room
		return
	}
	defer to.leave()
	p.pass(to, g, w, r)
}

// publishes returns the conversation of a request that a worker is to answer.
func publishes(r *http.Request) (conversation string, ok bool) {
	segments := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/whip/"), "/")
	switch {
	case r.Method == http.MethodPost && len(segments) == 1:
	case (r.Method == http.MethodPatch || r.Method == http.MethodDelete) && len(segments) == 2 && segments[1] != "":
	default:
		return "", false
	}
	conversation, err := url.PathUnescape(segments[0])
	return conversation, err == nil && conversation != ""
}

// publishTo returns the worker of a conversation, if there is one; for a new
// session there is. Whoever gets it leaves it again.
func (p *Pool) publishTo(r *http.Request, conversation string) (*worker, error) {
	ctx, cancel := context.WithTimeout(r.Context(), publishWait)
	defer cancel()
	if r.Method == http.MethodPost {
		return p.acquire(ctx, conversation)
	}
	p.mu.Lock()
	w := p.workers[conversation]
	if w != nil {
		w.enter()
	}
	p.mu.Unlock()
	if w == nil {
		return nil, nil
	}
	if err := w.answers(ctx); err != nil {
		w.leave()
		return nil, err
	}
	return w, nil
}

// pass lets a worker answer a request.
func (p *Pool) pass(to *worker, g whip.Grant, w http.ResponseWriter, r *http.Request) {
	who, err := json.Marshal(g)
	if err != nil {
		panic(err) // made of strings and numbers
	}
	proxy := httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.Out.URL.Scheme, pr.Out.URL.Host, pr.Out.Host = "http", "worker", "worker"
			pr.Out.Header.Del("Authorization")
			pr.Out.Header.Del("Cookie")
			pr.Out.Header.Set(grantHeader, string(who))
		},
		Transport:      to.http,
		ModifyResponse: func(res *http.Response) error { return p.learn(to, res) },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p.log.Warn("a worker does not answer a publisher", "conversation", to.conversation, "error", err)
			r.Body = http.NoBody
			whip.AllowOrigins(w.Header())
			w.Header().Set("Retry-After", "1")
			http.Error(w, `{"code":"Unavailable","message":"try again"}`, http.StatusServiceUnavailable)
		},
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	proxy.ServeHTTP(w, r)
}

// learn finds in an answer by which name packets are the worker's.
func (p *Pool) learn(w *worker, res *http.Response) error {
	if !p.relay.shares() || res.StatusCode/100 != 2 {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxCommand))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return fmt.Errorf("worker: answer: %w", err)
	}
	res.Body = io.NopCloser(bytes.NewReader(b))
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "a=ice-ufrag:"); ok {
			p.relay.claim(name, w.media)
		}
	}
	return nil
}
