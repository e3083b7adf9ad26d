package control

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/callreel/callreel/internal/token"
)

// verb is what a request asks for.
type verb uint8

const (
	start verb = iota
	state
	pause
	resume
	stop
	downloadMedia
	downloadMetadata
	deleteDocument
	listRecordings
	showRecording
	showReport
	removeRecording
	listConversations
	showConversation
	showCall
	putSubscription
	listSubscriptions
	showSubscription
	removeSubscription
	validateSubscription
	replaySubscription
	listEvents
	health
	ready
	showCapacity
	showMetrics
	showOpenAPI
	showIndex
)

// String names the verb in metrics.
func (v verb) String() string {
	return [...]string{
		start: "start", state: "state", pause: "pause", resume: "resume", stop: "stop",
		downloadMedia: "downloadMedia", downloadMetadata: "downloadMetadata", deleteDocument: "deleteDocument",
		listRecordings: "listRecordings", showRecording: "showRecording", showReport: "showReport",
		removeRecording: "deleteRecording",
		putSubscription: "putSubscription", listSubscriptions: "listSubscriptions", showSubscription: "showSubscription",
		removeSubscription: "deleteSubscription", validateSubscription: "validateSubscription",
		replaySubscription: "replaySubscription", listEvents: "listEvents",
		listConversations: "listConversations", showConversation: "showConversation", showCall: "showCall",
		health: "health", ready: "ready", showCapacity: "showCapacity", showMetrics: "showMetrics", showOpenAPI: "showOpenAPI", showIndex: "index",
	}[v]
}

// call is a request that was understood.
type call struct {
	endpoint
	conversation string // the canonical id
	given        string // the id as the client wrote it
	recording    string
	document     string
	name         string       // of a subscription
	claims       token.Claims // of a token that allows the call; none if that needs no token
}

// endpoint is a row of the routing table.
type endpoint struct {
	method  string
	path    string // literal segments, in any case, and names of parameters in braces
	verb    verb
	dialect dialect
	scopes  []token.Scope // any is enough; none means that no token is needed
	serve   func(*Server, http.ResponseWriter, *http.Request, call) error
}

// routes is the whole API except WHIP and the page.
func routes() []endpoint {
	const (
		recordings = "conversations/{conversation}/recordings"
		recording  = recordings + "/{recording}"
		serverCall = "calling/serverCalls/{conversation}/recordings"
		document   = "recording/download/{document}"
		object     = "v1/objects/{document}"
		one        = "subscriptions/{name}"
	)
	control := []token.Scope{token.Control}
	look := []token.Scope{token.Read, token.Control}
	read := []token.Scope{token.Read}
	attend := []token.Scope{token.Publish, token.Read, token.Control}
	return []endpoint{
		{http.MethodPost, recordings, start, seed{}, control, (*Server).operate},
		{http.MethodGet, recording, state, seed{}, look, (*Server).operate},
		{http.MethodDelete, recording, stop, seed{}, control, (*Server).operate},
		{http.MethodPost, recording + "/pause", pause, seed{}, control, (*Server).operate},
		{http.MethodPost, recording + "/resume", resume, seed{}, control, (*Server).operate},
		{http.MethodPost, "calling/recordings", start, calling{}, control, (*Server).operate},
		{http.MethodGet, "calling/recordings/{recording}", state, calling{}, look, (*Server).operate},
		{http.MethodDelete, "calling/recordings/{recording}", stop, calling{}, control, (*Server).operate},
		{http.MethodPost, "calling/recordings/{recording}:pause", pause, calling{}, control, (*Server).operate},
		{http.MethodPost, "calling/recordings/{recording}:resume", resume, calling{}, control, (*Server).operate},
		{http.MethodPost, "calling/recordings/{recording}/:pause", pause, calling{}, control, (*Server).operate},
		{http.MethodPost, "calling/recordings/{recording}/:resume", resume, calling{}, control, (*Server).operate},
		{http.MethodPost, serverCall, start, callingBeta{}, control, (*Server).operate},
		{http.MethodGet, serverCall + "/{recording}", state, callingBeta{}, look, (*Server).operate},
		{http.MethodDelete, serverCall + "/{recording}", stop, callingBeta{}, control, (*Server).operate},
		{http.MethodPost, serverCall + "/{recording}/:pause", pause, callingBeta{}, control, (*Server).operate},
		{http.MethodPost, serverCall + "/{recording}/:resume", resume, callingBeta{}, control, (*Server).operate},
		{http.MethodGet, document, downloadMedia, seed{}, read, (*Server).download},
		{http.MethodGet, document + "/metadata", downloadMetadata, seed{}, read, (*Server).download},
		{http.MethodGet, object + "/content/video", downloadMedia, content{}, read, (*Server).download},
		{http.MethodGet, object + "/content/acsmetadata", downloadMetadata, content{}, read, (*Server).download},
		{http.MethodDelete, object, deleteDocument, content{}, control, (*Server).deleteDocument},

		{http.MethodGet, "recordings", listRecordings, own{}, look, (*Server).listRecordings},
		{http.MethodGet, "recordings/{recording}", showRecording, own{}, look, (*Server).showRecording},
		{http.MethodGet, "recordings/{recording}/report", showReport, own{}, look, (*Server).showReport},
		{http.MethodDelete, "recordings/{recording}", removeRecording, own{}, control, (*Server).deleteRecording},
		{http.MethodGet, "conversations", listConversations, own{}, look, (*Server).listConversations},
		{http.MethodGet, "conversations/{conversation}", showConversation, own{}, look, (*Server).showConversation},
		{http.MethodGet, "call/{conversation}/state", showCall, own{}, attend, (*Server).showCall},
		{http.MethodGet, "subscriptions", listSubscriptions, own{}, look, (*Server).listSubscriptions},
		{http.MethodPut, one, putSubscription, own{}, control, (*Server).putSubscription},
		{http.MethodGet, one, showSubscription, own{}, look, (*Server).showSubscription},
		{http.MethodDelete, one, removeSubscription, own{}, control, (*Server).deleteSubscription},
		{http.MethodGet, one + "/validate", validateSubscription, own{}, nil, (*Server).validateSubscription},
		{http.MethodPost, one + "/replay", replaySubscription, own{}, control, (*Server).replaySubscription},
		{http.MethodGet, "events", listEvents, own{}, look, (*Server).listEvents},
		{http.MethodGet, "healthz", health, own{}, nil, (*Server).health},
		{http.MethodGet, "readyz", ready, own{}, nil, (*Server).ready},
		{http.MethodGet, "capacity", showCapacity, own{}, look, (*Server).showCapacity},
		{http.MethodGet, "metrics", showMetrics, own{}, look, (*Server).showMetrics},
		{http.MethodGet, "openapi.json", showOpenAPI, own{}, nil, (*Server).showOpenAPI},
		{http.MethodGet, "", showIndex, own{}, nil, (*Server).showIndex},
	}
}

// route finds out what a request asks for. A path is taken as it was sent: it
// is never redirected to a cleaner one, slashes around it don't matter, and no
// segment but a name of the API has a meaning. The dialect of the returned call
// is good also if there is an error.
func (s *Server) route(method, escapedPath, apiVersion string) (call, error) {
	segments := strings.Split(strings.Trim(escapedPath, "/"), "/")
	found := call{endpoint: endpoint{dialect: own{}}}
	var allowed []string
	for _, e := range s.routes {
		if e.dialect == (calling{}) && isBeta(apiVersion) {
			e.dialect = callingBeta{}
		}
		params, ok := match(e.path, segments)
		switch {
		case !ok:
		case method == e.method, method == http.MethodHead && e.method == http.MethodGet:
			return newCall(e, params)
		default:
			found.endpoint = e
			allowed = append(allowed, e.method)
		}
	}
	if len(allowed) == 0 {
		return found, notFound("there is nothing at this path")
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	return found, &problem{
		status: http.StatusMethodNotAllowed, code: codeMethodNotAllowed,
		message: method + " is not possible here", allow: strings.Join(allowed, ", "),
	}
}

// apiVersion is what clients of the released API and its previews say.
func apiVersion(r *http.Request) string { return r.URL.Query().Get("api-version") }

// match holds a path against a pattern and returns the parameters, still escaped.
func match(pattern string, segments []string) (params map[string]string, ok bool) {
	names := strings.Split(pattern, "/")
	if len(names) != len(segments) {
		return nil, false
	}
	for i, name := range names {
		param, isParam := strings.CutPrefix(name, "{")
		if !isParam {
			if !strings.EqualFold(name, segments[i]) {
				return nil, false
			}
			continue
		}
		param, action, _ := strings.Cut(param, "}")
		value, ok := cutAction(segments[i], action)
		if !ok {
			return nil, false
		}
		if params == nil {
			params = make(map[string]string, 2)
		}
		params[param] = value
	}
	return params, true
}

// cutAction splits a segment such as "id:pause". Without an action to look for
// it takes all of it: an ID may have a colon.
func cutAction(segment, action string) (value string, ok bool) {
	n := len(segment) - len(action)
	if n < 0 || !strings.EqualFold(segment[n:], action) {
		return "", false
	}
	return segment[:n], true
}

func newCall(e endpoint, params map[string]string) (call, error) {
	c := call{endpoint: e}
	for name, escaped := range params {
		value, err := url.PathUnescape(escaped)
		if err != nil {
			return c, invalid(name+"Id", "the path has an invalid escape")
		}
		switch name {
		case "conversation":
			c.given = value
			if c.conversation, err = canonicalID(value); err != nil {
				return c, invalid("conversationId", "%v", err)
			}
		case "recording":
			c.recording = value
		case "document":
			c.document = value
		case "name":
			c.name = value
		}
	}
	return c, nil
}
