// Package client calls the HTTP API of a callreel server: it starts, pauses,
// resumes and stops recordings, finds, fetches and deletes what came of them, and
// looks after who is told of events. The operations on a recording are those of
// the private preview of Azure Communication Services' Call Recording, of April
// 2021; the others are callreel's own.
//
// Requests that fail for a reason that may pass are repeated, as Azure's own
// clients do: connection errors and the statuses 408, 429 and 5xx except 501 and
// 505, three times, after one, two and four seconds with jitter or after what
// the server asks for.
//
// All operations may be repeated without harm, except that what was deleted by a
// request whose answer got lost is not there when it is repeated.
//
// The package publishes no media and makes no tokens.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	// AccessKey is the server's access key, not its Base64 form. Requests are
	// signed with it, as Azure's clients do, and may do everything. It takes the
	// place of a Token; both at once are an error.
	AccessKey []byte
	// HTTPClient makes the requests. It should have no overall time limit if
	// files are downloaded: contexts limit the calls. Nil means http.DefaultClient.
	HTTPClient *http.Client
}

// Client calls a server. Its methods are safe for concurrent use. They fail with
// an [*Error] if the server refuses, or with the error of the connection.
type Client struct {
	endpoint string // without a slash at its end
	token    string
	key      []byte
	http     *http.Client
}

// New checks the configuration and returns a client. It connects to nothing.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("client: endpoint %q is not an absolute http or https URL", cfg.Endpoint)
	}
	if cfg.Token != "" && len(cfg.AccessKey) > 0 {
		return nil, errors.New("client: there are both a token and an access key")
	}
	c := &Client{
		endpoint: strings.TrimRight(cfg.Endpoint, "/"),
		token:    cfg.Token, key: bytes.Clone(cfg.AccessKey), http: cfg.HTTPClient,
	}
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
	// PauseOnStart starts in the paused state: nothing is recorded before
	// [Client.ResumeRecording], and without one there are no files.
	PauseOnStart bool
}

// StartRecording starts a recording of a conversation and returns its ID. It may
// be repeated by itself without starting a second one.
func (c *Client) StartRecording(ctx context.Context, conversation string, opts StartOptions) (string, error) {
	body := struct {
		OperationContext string `json:"operationContext,omitempty"`
		StateCallbackURI string `json:"recordingStateCallbackUri,omitempty"`
		ComposingDelayMs int64  `json:"composingDelayMs,omitempty"`
		PauseOnStart     bool   `json:"pauseOnStart,omitempty"`
	}{opts.OperationContext, opts.StateCallbackURI, opts.ComposingDelay.Milliseconds(), opts.PauseOnStart}
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

func conversationPath(conversation string) string {
	return "/conversations/" + url.PathEscape(conversation)
}

func recordingPath(conversation, recording string) string {
	return conversationPath(conversation) + "/recordings/" + url.PathEscape(recording)
}
