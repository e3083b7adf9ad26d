package control

import (
	"cmp"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/callreel/callreel/internal/token"
)

// apiDocument is a description of the API by OpenAPI 3.1, as far as it is used.
type apiDocument struct {
	OpenAPI string `json:"openapi"`
	Info    struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description"`
	} `json:"info"`
	Servers    []apiServer               `json:"servers,omitempty"`
	Paths      map[string]apiPath        `json:"paths"`
	Components map[string]map[string]any `json:"components"`
}

type apiServer struct {
	URL string `json:"url"`
}

// apiPath is what there is at a path, by method.
type apiPath map[string]*apiOperation

type apiOperation struct {
	ID          string                `json:"operationId"`
	Summary     string                `json:"summary"`
	Tags        []string              `json:"tags"`
	Parameters  []apiParameter        `json:"parameters,omitempty"`
	RequestBody *apiContent           `json:"requestBody,omitempty"`
	Responses   map[string]apiContent `json:"responses"`
	Security    []map[string][]string `json:"security"`
}

type apiParameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *schema `json:"schema"`
}

// apiContent is a body, of an answer or, without a description, of a request.
type apiContent struct {
	Description string              `json:"description,omitempty"`
	Content     map[string]apiMedia `json:"content,omitempty"`
}

type apiMedia struct {
	Schema *schema `json:"schema"`
}

const apiDescription = `Record calls. Three generations of the API of Azure Communication Services are served beside callreel's own: the private preview of April 2021 (seed), the previews of 2021 (callingBeta), and the released API of any version (calling). Where calling and callingBeta share a path, an api-version that begins with 2021- asks for the latter.`

// describeAPI makes the description from the routing table and the types of
// bodies. What has no types in it, is described in whipPaths.
func describeAPI(routes []endpoint, version, server string) ([]byte, error) {
	types := &schemas{byName: make(map[string]*schema), types: make(map[string]reflect.Type)}
	doc := apiDocument{OpenAPI: "3.1.0", Paths: whipPaths(types), Components: map[string]map[string]any{
		"schemas": {}, "securitySchemes": securitySchemes(),
	}}
	doc.Info.Title, doc.Info.Version, doc.Info.Description = "callreel", cmp.Or(version, "unknown"), apiDescription
	if server != "" {
		doc.Servers = []apiServer{{server}}
	}
	for _, e := range routes {
		path := documentPath(e.path)
		if doc.Paths[path] == nil {
			doc.Paths[path] = make(apiPath)
		}
		doc.Paths[path][strings.ToLower(e.method)] = e.describe(types)
	}
	for name, s := range types.byName {
		doc.Components["schemas"][name] = s
	}
	return json.Marshal(doc)
}

func (s *Server) showOpenAPI(w http.ResponseWriter, _ *http.Request, _ call) error {
	replyBytes(w, http.StatusOK, s.openAPI)
	return nil
}

func securitySchemes() map[string]any {
	return map[string]any{
		"bearer": map[string]any{
			"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
			"description": "A token as callreel token makes it, with one of the scopes that are listed.",
		},
		"signature": map[string]any{
			"type": "apiKey", "in": "header", "name": "Authorization",
			"description": "HMAC-SHA256 with an access key over method, path, x-ms-date, host and x-ms-content-sha256, as in all of Azure Communication Services.",
		},
	}
}

var parameterName = regexp.MustCompile(`\{(\w+)\}`)

// documentPath writes a path of the routing table as a template.
func documentPath(path string) string {
	return "/" + parameterName.ReplaceAllStringFunc(path, func(p string) string {
		return "{" + documentParameter(p[1:len(p)-1]) + "}"
	})
}

// documentParameter names a parameter of the routing table.
func documentParameter(name string) string {
	if name == "name" {
		return name
	}
	return name + "Id"
}

// describe describes a row of the routing table.
func (e endpoint) describe(types *schemas) *apiOperation {
	name := e.dialectName()
	op := &apiOperation{
		ID: name + strings.ToUpper(e.verb.String()[:1]) + e.verb.String()[1:], Summary: e.verb.summary(), Tags: []string{name},
		Responses: e.responses(types), Security: security(e.scopes, true),
	}
	if strings.Contains(e.path, "/:") {
		op.ID += "Slash" // the previews' spelling of a path that is there without it too
	}
	for _, m := range parameterName.FindAllStringSubmatch(e.path, -1) {
		op.Parameters = append(op.Parameters, apiParameter{Name: documentParameter(m[1]), In: "path", Required: true, Schema: &schema{Type: "string"}})
	}
	op.Parameters = append(op.Parameters, e.parameters()...)
	if body := e.requestBody(); body != nil {
		lenient := &schemas{byName: types.byName, types: types.types, lenient: true}
		op.RequestBody = &apiContent{Content: jsonOf(lenient.of(reflect.TypeOf(body)))}
	}
	return op
}

// dialectName names the generation of the API that an endpoint is of.
func (e endpoint) dialectName() string { return reflect.TypeOf(e.dialect).Name() }

// security lists what lets a request in; signed says whether a signature does.
func security(scopes []token.Scope, signed bool) []map[string][]string {
	if len(scopes) == 0 {
		return []map[string][]string{}
	}
	var names []string
	for _, s := range scopes {
		names = append(names, string(s))
	}
	out := []map[string][]string{{"bearer": names}}
	if signed {
		out = append(out, map[string][]string{"signature": {}})
	}
	return out
}

func jsonOf(s *schema) map[string]apiMedia { return map[string]apiMedia{"application/json": {s}} }

// responses are those of success, by status, and of failures.
func (e endpoint) responses(types *schemas) map[string]apiContent {
	out := map[string]apiContent{"default": {
		Description: "It failed. " + failureText, Content: jsonOf(types.of(reflect.TypeOf(e.failureBody()))),
	}}
	for _, a := range e.answers() {
		status := strconv.Itoa(a.status)
		r := apiContent{Description: http.StatusText(a.status)}
		switch {
		case a.body == nil && a.mediaType != "":
			r.Content = map[string]apiMedia{a.mediaType: {&schema{Type: "string"}}}
		case a.body != nil:
			r.Content = jsonOf(types.of(reflect.TypeOf(a.body)))
		}
		out[status] = either(out[status], r)
	}
	return out
}

const failureText = "401: not let in; 403: not allowed; 404: not there; 429: too many requests, come again after Retry-After."

// either is an answer that is like one or the other.
func either(a, b apiContent) apiContent {
	one, two := a.Content["application/json"].Schema, b.Content["application/json"].Schema
	if one == nil {
		return b
	}
	if two == nil || reflect.DeepEqual(one, two) {
		return a
	}
	a.Content = jsonOf(&schema{AnyOf: []*schema{one, two}})
	return a
}

// failureBody is of the type of an error's body.
func (e endpoint) failureBody() any {
	_, body := e.dialect.failure(e.verb, internalProblem())
	return body
}

// requestBody is of the type of a request's body; nil if there is none.
func (e endpoint) requestBody() any {
	if slices.Contains([]verb{start, pause, resume, stop}, e.verb) {
		return e.dialect.request(e.verb)
	}
	return requestBodies()[e.verb]
}
