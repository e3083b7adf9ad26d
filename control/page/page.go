// Package page is the web page with which people join a call that callreel
// records: it publishes camera, microphone and screen over WHIP (RFC 9725) and
// shows whether the call is being recorded. The page is plain HTML, CSS and
// JavaScript and needs nothing from other hosts. Nobody sees or hears the
// others on it.
//
// It expects the WHIP endpoint at /whip/{conversationId} and [State] at
// /call/{conversationId}/state, which its caller serves, on its own origin.
package page

import (
	"bytes"
	"embed"
	"net/http"
	"time"
)

// The values of State.Recording.
const (
	Active   = "active"   // media is being recorded
	Inactive = "inactive" // the recording is paused
	None     = "none"     // there is no recording
)

// State is the JSON that the page polls at /call/{conversationId}/state.
type State struct {
	// Recording is Active, Inactive or None.
	Recording string `json:"recording"`
	// Participants is how many people are in the call.
	Participants int `json:"participants"`
	// Run names the process. Another one knows nothing of the page's connections.
	Run string `json:"run,omitempty"`
}

//go:embed static
var static embed.FS

// policy allows the page's own files and requests, and nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// Handler serves the page at GET /call/{conversationId} and its files below
// /call/assets/.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /call/{conversation}", serve("call.html"))
	for _, name := range []string{"call.js", "whip.js", "media.js", "call.css", "icon.svg"} {
		mux.HandleFunc("GET /call/assets/"+name, serve(name))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self)")
		h.Set("Referrer-Policy", "no-referrer") // the URL may hold a token
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		mux.ServeHTTP(w, r)
	})
}

func serve(name string) http.HandlerFunc {
	file, err := static.ReadFile("static/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(file))
	}
}
