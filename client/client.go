// Package client calls the HTTP API of a callreel server: it starts, pauses,
// resumes and stops recordings, and fetches what came of them. The operations
// are those of the private preview of Azure Communication Services' Call
// Recording, of April 2021, and a few of callreel's own.
//
// Requests that fail for a reason that may pass are repeated, as Azure's own
// clients do: connection errors and the statuses 408, 429 and 5xx except 501 and
// 505, three times, after one, two and four seconds with jitter or after what
// the server asks for.
//
// The package publishes no media and makes no tokens.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Config says which server is called. Endpoint is needed.
type Config struct {
	// Endpoint is the server's URL, such as http://127.0.0.1:8080.
	Endpoint string
	// Token is a bearer token with the scopes that the calls need: control to
	// change, read to look and to download.
	Token string
	// HTTPClient makes the requests. It should have no overall time limit if
	// files are downloaded: contexts limit the calls. Nil means http.DefaultClient.
	HTTPClient *http.Client
}

// Client calls a server. Its methods are safe for concurrent use. They fail with
// an [*Error] if the server refuses, or with the error of the connection.
type Client struct {
	endpoint string // without a slash at its end
	token    string
	http     *http.Client
}

// New checks the configuration and returns a client. It connects to nothing.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("client: endpoint %q is not an absolute http or https URL", cfg.Endpoint)
	}
	c := &Client{endpoint: strings.TrimRight(cfg.Endpoint, "/"), token: cfg.Token, http: cfg.HTTPClient}
	if c.http == nil {
		c.http = http.DefaultClient
	}
	return c, nil
}

// Error is the server's refusal of a request.
type Error struct {
	StatusCode int    // of HTTP
	Code       string // such as "8522": not found, or "8553": already recording
	Message    string
	Target     string // the parameter that is wrong, if it is one
}

func (e *Error) Error() string {
	text := fmt.Sprintf("client: status %d", e.StatusCode)
	if e.Code != "" {
		text += ", code " + e.Code
	}
	if e.Target != "" {
		text += ", " + e.Target
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// State of a recording that has not ended.
type State string

// The states.
const (
	Active   State = "active"
	Inactive State = "inactive" // paused
)

// StartOptions are what a start may say. The zero value is useful.
type StartOptions struct {
	// OperationContext is the caller's own, to find the operation in logs.
	OperationContext string
	// StateCallbackURI is where the server posts changes of the state.
	StateCallbackURI string
	// ComposingDelay is how far behind the call the recording is composed, so
	// that late packets are in time: 200 ms to 5 s. Zero means the server's.
	ComposingDelay time.Duration
}

// StartRecording starts a recording of a conversation and returns its ID. It may
// be repeated by itself without starting a second one.
func (c *Client) StartRecording(ctx context.Context, conversation string, opts StartOptions) (string, error) {
	body := struct {
		OperationContext string `json:"operationContext,omitempty"`
		StateCallbackURI string `json:"recordingStateCallbackUri,omitempty"`
		ComposingDelayMs int64  `json:"composingDelayMs,omitempty"`
	}{opts.OperationContext, opts.StateCallbackURI, opts.ComposingDelay.Milliseconds()}
	var answer struct {
		RecordingID string `json:"recordingId"`
	}
	req := request{
		method: http.MethodPost, path: conversationPath(conversation) + "/Recordings", body: body,
		header: http.Header{"Repeatability-Request-Id": {uuid.NewString()}},
	}
	if err := c.call(ctx, req, &answer); err != nil {
		return "", err
	}
	if answer.RecordingID == "" {
		return "", errors.New("client: the answer has no recording ID: is this the right endpoint?")
	}
	return answer.RecordingID, nil
}

// RecordingState returns the state of a recording that has not ended.
func (c *Client) RecordingState(ctx context.Context, conversation, recording string) (State, error) {
	var answer struct {
		RecordingState State `json:"recordingState"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: recordingPath(conversation, recording)}, &answer)
	return answer.RecordingState, err
}

// PauseRecording pauses a recording: nothing that happens from then on is in it.
// Pausing twice is harmless.
func (c *Client) PauseRecording(ctx context.Context, conversation, recording string) error {
	return c.call(ctx, request{method: http.MethodPost, path: recordingPath(conversation, recording) + "/Pause"}, nil)
}

// ResumeRecording lets a paused recording go on. Resuming twice is harmless.
func (c *Client) ResumeRecording(ctx context.Context, conversation, recording string) error {
	return c.call(ctx, request{method: http.MethodPost, path: recordingPath(conversation, recording) + "/Resume"}, nil)
}

// StopRecording ends a recording. Usually its files are stored when this
// returns; if the server's storage is slow they follow: see [Client.Recording].
func (c *Client) StopRecording(ctx context.Context, conversation, recording string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: recordingPath(conversation, recording)}, nil)
}

// Recording returns the details of a recording, whether it runs or has ended.
func (c *Client) Recording(ctx context.Context, recording string) (Recording, error) {
	var r Recording
	err := c.call(ctx, request{method: http.MethodGet, path: "/recordings/" + url.PathEscape(recording)}, &r)
	return r, err
}

// Report returns the quality report of a recording that has ended, a JSON document.
func (c *Client) Report(ctx context.Context, recording string) (json.RawMessage, error) {
	var doc json.RawMessage
	err := c.call(ctx, request{method: http.MethodGet, path: "/recordings/" + url.PathEscape(recording) + "/report"}, &doc)
	return doc, err
}

// Recordings lists those that run, then those that have ended, newest first.
// At most limit are returned, 1 to 1000; zero means the server's default.
func (c *Client) Recordings(ctx context.Context, limit int) ([]Recording, error) {
	path := "/recordings"
	if limit > 0 {
		path += "?limit=" + strconv.Itoa(limit)
	}
	var answer struct {
		Recordings []Recording `json:"recordings"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: path}, &answer)
	return answer.Recordings, err
}

func conversationPath(conversation string) string {
	return "/conversations/" + url.PathEscape(conversation)
}

func recordingPath(conversation, recording string) string {
	return conversationPath(conversation) + "/recordings/" + url.PathEscape(recording)
}
