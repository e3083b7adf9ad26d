package control

import (
	"net/http"
	"reflect"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/control/page"
	"github.com/callreel/callreel/events"
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
	case putSubscription:
		return []apiAnswer{{http.StatusOK, events.Status{}, ""}, {http.StatusCreated, events.Status{}, ""}}
	case ready:
		return []apiAnswer{{http.StatusOK, readyAnswer{}, ""}, {http.StatusServiceUnavailable, readyAnswer{}, ""}}
	case showMetrics, showIndex:
		return []apiAnswer{{http.StatusOK, nil, "text/plain"}}
	}
	return []apiAnswer{{http.StatusOK, answerBodies()[e.verb], ""}}
}

// fileAnswers are those of a file: all of it, a part, and that it has not changed.
func fileAnswers(whole apiAnswer) []apiAnswer {
	whole.status = http.StatusOK
	return []apiAnswer{
		whole,
		{http.StatusPartialContent, nil, "application/octet-stream"},
		{http.StatusNotModified, nil, ""},
	}
}

// answerBodies are the types of answers with the status 200, by verb: of each
// verb that answers does not know. One that is missing fails a test.
func answerBodies() map[verb]any {
	return map[verb]any{
		deleteDocument: struct{}{}, removeRecording: struct{}{}, removeSubscription: struct{}{}, validateSubscription: struct{}{},
		listRecordings:    recordingList{},
		showRecording:     recordingDetails{},
		listConversations: conversationList{},
		showConversation:  conversationDetails{},
		showCall:          page.State{},
		listSubscriptions: subscriptionList{}, showSubscription: events.Status{}, replaySubscription: replayed{},
		listEvents:   eventList{},
		health:       healthAnswer{},
		showCapacity: capacity{},
		showOpenAPI:  map[string]any{},
	}
}

// requestBodies are the types of the bodies of our own requests, by verb.
func requestBodies() map[verb]any {
	return map[verb]any{putSubscription: events.Subscription{}, replaySubscription: events.Selection{}}
}

// summary says what a verb asks for.
func (v verb) summary() string {
	return [...]string{
		start: "Start a recording", state: "State of a recording", pause: "Pause a recording",
		resume: "Resume a recording", stop: "Stop a recording",
		downloadMedia: "The file of a chunk", downloadMetadata: "The metadata of a chunk", deleteDocument: "Delete a chunk and its metadata",
		listRecordings: "List recordings", showRecording: "Details of a recording", showReport: "Quality report of a recording",
		listConversations: "List calls", showConversation: "Details of a call", showCall: "State of a call, for its page",
		removeRecording: "Delete all of a recording that has ended",
		putSubscription: "Make or change a subscription to events", listSubscriptions: "List subscriptions",
		showSubscription: "A subscription", removeSubscription: "Delete a subscription",
		validateSubscription: "Agree to get events, by the code that the endpoint got",
		replaySubscription:   "Deliver events again", listEvents: "Events that were published, the oldest first",
		health: "Whether the process answers", ready: "Whether the server should get work",
		showCapacity: "What there is room for", showMetrics: "Metrics, for Prometheus",
		showOpenAPI: "This description", showIndex: "Where to begin",
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
		out = append(out, inQuery("conversation", "Those of one conversation."), inQuery("state", "Those in this state; may be given several times."),
			inQuery("from", "Those that began then or later (RFC 3339)."), inQuery("to", "Those that began before then (RFC 3339)."),
			inQuery("limit", "Most recordings to list, 1 to 1000; 100 if missing."), inQuery("cursor", "nextCursor of the page before."))
	case listEvents:
		out = append(out, inQuery("after", "Those behind this sequence number."), inQuery("type", "Those of this type."),
			inQuery("limit", "Most events to list, 1 to 1000; 100 if missing."))
	case validateSubscription:
		out = append(out, inQuery("code", "The code of the validation."))
	}
	return out
}

func inQuery(name, description string) apiParameter {
	return apiParameter{Name: name, In: "query", Description: description, Schema: &schema{Type: "string"}}
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
