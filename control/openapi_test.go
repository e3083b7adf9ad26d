package control_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi-validator/responses"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/callreel/callreel/control"
)

// apiChecker holds answers against the description of the API. Each answer that
// a rig gives goes through it.
type apiChecker struct {
	document libopenapi.Document
	paths    []describedPath
	bodies   responses.ResponseBodyValidator
}

type describedPath struct {
	template string
	pattern  *regexp.Regexp
	literal  int // bytes that are no parameter
	item     *v3.PathItem
}

// described is the description, parsed once. TestMain asks first, outside of
// any bubble.
var described = sync.OnceValue(func() *apiChecker {
	text, err := control.DescribeAPI()
	if err != nil {
		panic(err)
	}
	c := &apiChecker{}
	if c.document, err = libopenapi.NewDocumentWithConfiguration(text, &datamodel.DocumentConfiguration{
		IgnoreArrayCircularReferences: true, // an error has details, which may be none
	}); err != nil {
		panic(err)
	}
	model, err := c.document.BuildV3Model()
	if err != nil {
		panic(err)
	}
	c.bodies = responses.NewResponseBodyValidator(&model.Model)
	parameter := regexp.MustCompile(`\\\{\w+\\\}`)
	for template, item := range model.Model.Paths.PathItems.FromOldest() {
		pattern := parameter.ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`)
		c.paths = append(c.paths, describedPath{
			template, regexp.MustCompile(`(?i)^/*` + strings.TrimPrefix(pattern, "/") + `/*$`),
			len(regexp.MustCompile(`\{\w+\}`).ReplaceAllString(template, "")), item,
		})
	}
	// The more of a path is literal, the better it fits.
	slices.SortFunc(c.paths, func(a, b describedPath) int { return b.literal - a.literal })
	return c
})

// check says how an answer differs from its description. What is not described
// is not there: then the answer must say so.
func (c *apiChecker) check(req *http.Request, w *httptest.ResponseRecorder) error {
	path := req.URL.EscapedPath()
	i := slices.IndexFunc(c.paths, func(p describedPath) bool { return p.pattern.MatchString(path) })
	if i < 0 {
		if w.Code < 300 && !strings.HasPrefix(path, "/call/assets/") {
			return fmt.Errorf("%s is not described", path)
		}
		return nil
	}
	p := c.paths[i]
	method := req.Method
	if method == http.MethodHead {
		return nil
	}
	op, ok := p.item.GetOperations().Get(strings.ToLower(method))
	if !ok {
		if w.Code < 300 {
			return fmt.Errorf("%s %s is not described", method, p.template)
		}
		return nil
	}
	if _, ok := op.Responses.Codes.Get(fmt.Sprint(w.Code)); !ok && w.Code < 400 {
		return fmt.Errorf("%s %s: status %d is not described", method, p.template, w.Code)
	}
	res := w.Result()
	res.Body = io.NopCloser(bytes.NewReader(w.Body.Bytes()))
	if w.Code == http.StatusPartialContent || w.Body.Len() > 1<<20 || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		return nil
	}
	if ok, problems := c.bodies.ValidateResponseBodyWithPathItem(req, res, p.item, p.template); !ok {
		text := fmt.Sprintf("%s %s: %d %s", method, p.template, w.Code, w.Body)
		for _, p := range problems {
			text += "\n" + p.Error()
			for _, e := range p.SchemaValidationErrors {
				text += "\n" + fmt.Sprint(e.InstancePath) + ": " + e.Reason
			}
		}
		return fmt.Errorf("%s", text)
	}
	return nil
}

func TestDescriptionIsValid(t *testing.T) {
	if ok, problems := schema_validation.ValidateOpenAPIDocument(described().document); !ok {
		for _, p := range problems {
			t.Error(p)
			for _, e := range p.SchemaValidationErrors {
				t.Errorf("%s: %s", e.InstancePath, e.Reason)
			}
		}
	}
}

func TestAllRoutesAreDescribed(t *testing.T) {
	r := newRig(t, nil)
	a := r.do("GET", "/openapi.json", "", "Authorization", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID, Summary string
			Responses            map[string]struct{ Content map[string]any }
		}
	}
	if err := json.Unmarshal(a.Body.Bytes(), &doc); err != nil || doc.OpenAPI != "3.1.0" || a.Code != 200 {
		t.Fatalf("%d %v", a.Code, err)
	}
	for _, route := range control.Routes() {
		op, ok := doc.Paths[route.Document][strings.ToLower(route.Method)]
		if !ok {
			t.Errorf("%s %s is not described", route.Method, route.Path)
		}
		if op.OperationID == "" || op.Summary == "" || op.Responses["default"].Content == nil {
			t.Errorf("%s %s: %+v", route.Method, route.Path, op)
		}
		if op.Responses["200"].Content == nil && op.Responses["204"].Content == nil && op.Responses["202"].Content == nil &&
			!slices.Contains([]string{"pause", "resume", "stop"}, route.Verb) {
			t.Errorf("%s %s: no body is described", route.Method, route.Path)
		}
	}
	ids := make(map[string]bool)
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if ids[op.OperationID] {
				t.Errorf("%s is there twice", op.OperationID)
			}
			ids[op.OperationID] = true
			target := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "x")
			if got := r.do(strings.ToUpper(method), target, ""); got.Code == http.StatusMethodNotAllowed {
				t.Errorf("%s %s is described, and not there", method, path)
			}
		}
	}
}

// The checker that all answers go through finds what is wrong.
func TestAnswersAreChecked(t *testing.T) {
	answer := func(status int, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.WriteString(body)
		return w
	}
	for _, c := range []struct {
		method, path string
		status       int
		body         string
		good         bool
	}{
		{"GET", "/healthz", 200, `{"status":"ok"}`, true},
		{"GET", "/healthz", 200, `{"status":1}`, false},
		{"GET", "/healthz", 200, `{}`, false},
		{"GET", "/healthz", 201, `{"status":"ok"}`, false},
		{"GET", "/calling/recordings/x", 200, `{"recordingId":"x","recordingState":"active","recordingKind":"azureCommunicationServices"}`, true},
		{"GET", "/calling/recordings/x", 200, `{"recordingState":"active"}`, true}, // of the previews
		{"GET", "/calling/recordings/x", 200, `{"recordingState":"gone"}`, false},
		{"GET", "/calling/recordings/x", 404, `{"error":{"code":"8522","message":"m","details":[]}}`, true},
		{"GET", "/calling/recordings/x", 404, `{"code":"8522","message":"m","details":[]}`, false},
		{"POST", "/calling/recordings/x:pause", 202, ``, true},
		{"POST", "/calling/recordings/x:pause", 204, ``, false},
		{"GET", "/nowhere", 404, `{}`, true},
		{"GET", "/nowhere", 200, `{}`, false},
	} {
		err := described().check(httptest.NewRequest(c.method, c.path, nil), answer(c.status, c.body))
		if err == nil != c.good {
			t.Errorf("%s %s %d %s: %v", c.method, c.path, c.status, c.body, err)
		}
	}
}
