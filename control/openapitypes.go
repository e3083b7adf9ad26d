package control

import (
	"net/http"
	"reflect"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control/page"
	"github.com/callreel/callreel/internal/token"
)

// apiAnswer is an answer of success. Without a body's type there is no JSON.
type apiAnswer struct {
	status    int
	body      any
	mediaType string // of what is no JSON
}

// answers are those of an endpoint. Where two dialects share a path they are
// those of both.
func (e endpoint) answers() []apiAnswer {
	switch e.verb {
	case start, state, pause, resume, stop:
		var out []apiAnswer
		dialects := []dialect{e.dialect}
		if e.dialect == (calling{}) {
			dialects = append(dialects, callingBeta{})
		}
		for _, d := range dialects {
			status, body := d.answer(e.verb, outcome{})
			out = append(out, apiAnswer{status, body, ""})
		}
		return out
	case downloadMedia:
		return fileAnswers(apiAnswer{mediaType: "video/mp4"})
	case downloadMetadata:
		if e.dialect == (content{}) {
			return fileAnswers(apiAnswer{body: callingMetadata{}})
		}
		return fileAnswers(apiAnswer{body: callreel.Metadata{}})
	case showReport:
		return fileAnswers(apiAnswer{body: callreel.Report{}})
	case ready:
		return []apiAnswer{{http.StatusOK, readyAnswer{}, ""}, {http.StatusServiceUnavailable, readyAnswer{}, ""}}
	case showMetrics, index:
		return []apiAnswer{{http.StatusOK, nil, "text/plain"}}
	}
	return []apiAnswer{{http.StatusOK, answerBodies()[e.verb], ""}}
}

// fileAnswers are those of a file: all of it, a part, that it has not changed,
// and that there is no such part.
func fileAnswers(whole apiAnswer) []apiAnswer {
	whole.status = http.StatusOK
	return []apiAnswer{
		whole,
		{http.StatusPartialContent, nil, "application/octet-stream"},
		{http.StatusNotModified, nil, ""},
		{http.StatusRequestedRangeNotSatisfiable, nil, "text/plain"},
	}
}

// answerBodies are the types of answers with the status 200, by verb: of each
// verb that answers does not know. One that is missing fails a test.
func answerBodies() map[verb]any {
	return map[verb]any{
		deleteDocument:    struct{}{},
		listRecordings:    recordingList{},
		showRecording:     recordingDetails{},
		listConversations: conversationList{},
		showConversation:  conversationDetails{},
		showCall:          page.State{},
		health:            healthAnswer{},
		showCapacity:      capacity{},
		showOpenAPI:       map[string]any{},
	}
}

// requestBodies are the types of the bodies of our own requests, by verb.
func requestBodies() map[verb]any { return map[verb]any{} }

// summary says what a verb asks for.
func (v verb) summary() string {
	return [...]string{
		start: "Start a recording", state: "State of a recording", pause: "Pause a recording",
		resume: "Resume a recording", stop: "Stop a recording",
		downloadMedia: "The file of a chunk", downloadMetadata: "The metadata of a chunk", deleteDocument: "Delete a chunk and its metadata",
		listRecordings: "List recordings", showRecording: "Details of a recording", showReport: "Quality report of a recording",
		listConversations: "List calls", showConversation: "Details of a call", showCall: "State of a call, for its page",
		health: "Whether the process answers", ready: "Whether the server should get work",
		showCapacity: "What there is room for", showMetrics: "Metrics, for Prometheus",
		showOpenAPI: "This description", index: "Where to begin",
	}[v]
}

// parameters are those that are not in the path.
func (e endpoint) parameters() []apiParameter {
	text := &schema{Type: "string"}
	var out []apiParameter
	switch e.dialect.(type) {
	case calling, callingBeta, content:
		out = append(out, apiParameter{Name: "api-version", In: "query", Description: "Any. 2021-… asks for the answers of the previews.", Schema: text})
	}
	switch e.verb {
	case start:
		out = append(out, apiParameter{
			Name: "Repeatability-Request-ID", In: "header", Schema: text,
			Description: "Names the request: if it is repeated, it has the same answer and starts nothing.",
		})
	case downloadMedia, downloadMetadata, showReport:
		out = append(out, apiParameter{Name: "Range", In: "header", Description: "One range of bytes (RFC 9110).", Schema: text})
	case listRecordings:
		out = append(out, apiParameter{Name: "limit", In: "query", Description: "Most recordings to list, 1 to 1000; 100 if missing.", Schema: &schema{Type: "integer"}})
	}
	return out
}

// whipError is the body of an error of WHIP.
type whipError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// whipPaths describes what is served outside of the routing table: WHIP and the page.
func whipPaths(types *schemas) map[string]apiPath {
	const sdp, fragment = "application/sdp", "application/trickle-ice-sdpfrag"
	text := &schema{Type: "string"}
	body := func(mediaType string) *apiContent {
		return &apiContent{Content: map[string]apiMedia{mediaType: {text}}}
	}
	operation := func(id, summary string, parameters []string, answers map[string]apiContent) *apiOperation {
		op := &apiOperation{ID: id, Summary: summary, Tags: []string{"whip"}, Responses: answers, Security: security([]token.Scope{token.Publish}, false)}
		for _, name := range parameters {
			op.Parameters = append(op.Parameters, apiParameter{Name: name, In: "path", Required: true, Schema: text})
		}
		answers["default"] = apiContent{Description: "It failed. " + failureText, Content: jsonOf(types.of(reflect.TypeFor[whipError]()))}
		return op
	}
	call, session := []string{"conversationId"}, []string{"conversationId", "sessionId"}
	post := operation("whipPublish", "Publish into a call (RFC 9725)", call, map[string]apiContent{
		"201": {Description: "Created", Content: body(sdp).Content},
	})
	post.RequestBody = body(sdp)
	patch := operation("whipTrickle", "Trickle candidates, or restart ICE", session, map[string]apiContent{
		"200": {Description: "Restarted", Content: body(fragment).Content}, "204": {Description: "No Content"},
	})
	patch.RequestBody = body(fragment)
	remove := operation("whipEnd", "End publishing", session, map[string]apiContent{"200": {Description: "OK"}})
	options := operation("whipOptions", "What is possible", call, map[string]apiContent{"204": {Description: "No Content"}})
	options.Security = security(nil, false)
	show := operation("page", "The page to join a call with", call, map[string]apiContent{
		"200": {Description: "OK", Content: map[string]apiMedia{"text/html": {text}}},
	})
	show.Tags, show.Security = []string{"page"}, security(nil, false)
	return map[string]apiPath{
		"/whip/{conversationId}":             {"post": post, "options": options},
		"/whip/{conversationId}/{sessionId}": {"patch": patch, "delete": remove},
		"/call/{conversationId}":             {"get": show},
	}
}
