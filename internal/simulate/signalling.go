package simulate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswer    = 1 << 20 // bytes
	maxProblem   = 512     // bytes of an error's body that are told
	leaveTimeout = 5 * time.Second
)

// StatusError is a refusal of the WHIP server.
type StatusError struct {
	// Method of the request.
	Method string
	// Status is the HTTP status.
	Status int
	// Body is the beginning of what the server said.
	Body string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("simulate: WHIP %s: %d %s: %s", e.Method, e.Status, http.StatusText(e.Status), e.Body)
}

// signalling is a WHIP client (RFC 9725, section 4.2).
type signalling struct {
	client   *http.Client
	endpoint *url.URL
	token    string
	resource *url.URL // of the session, once there is one
}

func newSignalling(cfg Config) (*signalling, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("simulate: endpoint: %w", err)
	}
	if cfg.Token == "" {
		q := u.Query()
		q.Set("participant", cfg.ID)
		q.Set("name", cfg.Name)
		q.Set("role", cfg.Role.String())
		u.RawQuery = q.Encode()
	}
	return &signalling{client: cfg.HTTPClient, endpoint: u, token: cfg.Token}, nil
}

// post sends an offer and returns the answer.
func (s *signalling) post(ctx context.Context, offer string) (string, error) {
	res, err := s.do(ctx, http.MethodPost, s.endpoint, offer)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // only read from
	if res.StatusCode != http.StatusCreated {
		return "", refusal(res)
	}
	if s.resource, err = s.endpoint.Parse(res.Header.Get("Location")); err != nil {
		return "", fmt.Errorf("simulate: Location of the WHIP session: %w", err)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("simulate: read the WHIP answer: %w", err)
	}
	return string(answer), nil
}

// delete ends the session, if there is one. That it has ended before is no error.
func (s *signalling) delete(ctx context.Context) error {
	if s.resource == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	res, err := s.do(ctx, http.MethodDelete, s.resource, "")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // only read from
	if res.StatusCode/100 != 2 && res.StatusCode != http.StatusNotFound {
		return refusal(res)
	}
	return nil
}

func (s *signalling) do(ctx context.Context, method string, u *url.URL, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("simulate: WHIP %s: %w", method, err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/sdp")
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("simulate: WHIP %s: %w", method, err)
	}
	return res, nil
}

func refusal(res *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil {
		body = []byte(err.Error())
	}
	return &StatusError{Method: res.Request.Method, Status: res.StatusCode, Body: string(body)}
}
