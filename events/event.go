package events

import (
	"encoding/json"
	"time"
)

// Event is something that happened.
type Event struct {
	ID      string          `json:"id"` // the same however often it is told
	Source  string          `json:"source,omitempty"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"`
}

// Schema is the form in which an event is written.
type Schema string

// The schemas. A callback is what clients of Azure's call automation are sent
// at the address that they gave for one recording.
const (
	EventGrid   Schema = "EventGridSchema"
	CloudEvents Schema = "CloudEventSchemaV1_0"
	callback    Schema = "callback"
)

// ISO 8601 with seven decimals, as the service writes it.
const (
	timeFormat   = "2006-01-02T15:04:05.0000000Z"
	offsetFormat = "2006-01-02T15:04:05.0000000-07:00"
)

// gridEvent is the schema of Event Grid.
type gridEvent struct {
	ID              string          `json:"id"`
	Topic           string          `json:"topic"`
	Subject         string          `json:"subject"`
	Data            json.RawMessage `json:"data"`
	EventType       string          `json:"eventType"`
	DataVersion     string          `json:"dataVersion"`
	MetadataVersion string          `json:"metadataVersion"`
	EventTime       string          `json:"eventTime"`
}

// cloudEvent is the JSON format of CloudEvents 1.0.
type cloudEvent struct {
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Data            json.RawMessage `json:"data"`
	Time            string          `json:"time"`
	SpecVersion     string          `json:"specversion"`
	DataContentType string          `json:"datacontenttype"`
	Subject         string          `json:"subject"`
}

func (e Event) grid(topic string) gridEvent {
	return gridEvent{
		ID: e.ID, Topic: topic, Subject: e.Subject, Data: e.Data, EventType: e.Type,
		DataVersion: "1.0", MetadataVersion: "1", EventTime: e.Time.UTC().Format(timeFormat),
	}
}

func (e Event) cloud(topic, format string) cloudEvent {
	if e.Source != "" {
		topic = e.Source
	}
	return cloudEvent{
		ID: e.ID, Source: topic, Type: e.Type, Data: e.Data, Time: e.Time.UTC().Format(format),
		SpecVersion: "1.0", DataContentType: "application/json", Subject: e.Subject,
	}
}

// body writes the event as it is sent: Event Grid's is always an array, of one
// here; that of a callback too, as its clients look at the first element only.
func (e Event) body(s Schema, topic string) ([]byte, error) {
	switch s {
	case CloudEvents:
		return json.Marshal(e.cloud(topic, timeFormat))
	case callback:
		return json.Marshal([]cloudEvent{e.cloud(topic, offsetFormat)})
	default:
		return json.Marshal([]gridEvent{e.grid(topic)})
	}
}

func (s Schema) contentType() string {
	if s == CloudEvents {
		return "application/cloudevents+json; charset=utf-8"
	}
	return "application/json; charset=utf-8"
}
