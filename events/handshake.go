package events

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
)

// codeLife is how long an endpoint may take to agree by hand, that is, by
// having the validation URL opened.
const codeLife = 10 * time.Minute

// validationType is the event that asks an endpoint whether it wants events.
const validationType = "Microsoft.EventGrid.SubscriptionValidationEvent"

// validation is what an endpoint has been asked with.
type validation struct {
	Code  string    `json:"code"`
	Until time.Time `json:"until"`
}

func newValidation(now time.Time) validation {
	return validation{Code: rand.Text(), Until: now.Add(codeLife)}
}

// proves reports whether code is the one that was sent.
func (v validation) proves(code string, now time.Time) bool {
	return v.Code != "" && now.Before(v.Until) && subtle.ConstantTimeCompare([]byte(v.Code), []byte(code)) == 1
}

// ask asks an endpoint whether it wants the events of a subscription. That it
// has not said so yet is AwaitingValidation; that it refused is an error.
func (s *Service) ask(ctx context.Context, sub *Subscription, v validation) (State, error) {
	if sub.Schema == CloudEvents {
		return s.askCloudEvents(ctx, sub, v)
	}
	return s.askEventGrid(ctx, sub, v)
}

// askEventGrid sends the validation event. An endpoint agrees at once by
// answering with the code, or later by a request to the URL in it.
func (s *Service) askEventGrid(ctx context.Context, sub *Subscription, v validation) (State, error) {
	data, err := json.Marshal(struct {
		Code string `json:"validationCode"`
		URL  string `json:"validationUrl"`
	}{v.Code, s.validationURL(sub.Name, v)})
	if err != nil {
		return "", err
	}
	e := Event{ID: uuid.NewString(), Type: validationType, Subject: "", Time: time.Now(), Data: data}
	body, err := e.body(EventGrid, s.cfg.Topic)
	if err != nil {
		return "", err
	}
	h := http.Header{"Content-Type": {EventGrid.contentType()}}
	sub.dress(h)
	notification(h, sub, 0)
	h.Set("Aeg-Event-Type", "SubscriptionValidation")
	out := s.sender.send(ctx, http.MethodPost, sub.Endpoint, h, body)
	if out.status != http.StatusOK {
		return "", refused(out)
	}
	var answer struct {
		Code string `json:"validationResponse"`
	}
	if json.Unmarshal(out.body, &answer) == nil && answer.Code == v.Code {
		return Active, nil
	}
	return AwaitingValidation, nil
}

// askCloudEvents makes the request of the CloudEvents specification for
// webhooks, section 4. A status means nothing, unless it is that of a server that
// is not there.
func (s *Service) askCloudEvents(ctx context.Context, sub *Subscription, v validation) (State, error) {
	h := http.Header{}
	sub.dress(h)
	h.Set("WebHook-Request-Origin", s.sender.origin)
	h.Set("WebHook-Request-Callback", s.validationURL(sub.Name, v))
	out := s.sender.send(ctx, http.MethodOptions, sub.Endpoint, h, nil)
	allowed := strings.TrimSpace(out.header.Get("WebHook-Allowed-Origin"))
	switch {
	case allowed == "*" || strings.EqualFold(allowed, s.sender.origin):
		return Active, nil
	case out.status == 0 || allowed == "" && out.status >= http.StatusInternalServerError:
		return "", refused(out)
	case allowed == "":
		return AwaitingValidation, nil
	}
	return "", invalid("the endpoint allows events of %.100q only", allowed)
}

func refused(out outcome) error {
	if out.err != nil {
		return invalid("the endpoint can't be validated: %w", out.err)
	}
	return invalid("the endpoint answered the validation with status %d", out.status)
}

func (s *Service) validationURL(name string, v validation) string {
	return fmt.Sprintf("%s/subscriptions/%s/validate?code=%s", s.cfg.URL, url.PathEscape(name), url.QueryEscape(v.Code))
}
