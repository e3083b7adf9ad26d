package control

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/events"
	"github.com/callreel/callreel/ingest/whip"
)

// schema is a schema of JSON Schema 2020-12, as far as Go types need it.
type schema struct {
	Ref                  string             `json:"$ref,omitempty"`
	Type                 any                `json:"type,omitempty"` // a string, or several
	Format               string             `json:"format,omitempty"`
	Enum                 []string           `json:"enum,omitempty"`
	Items                *schema            `json:"items,omitempty"`
	Properties           map[string]*schema `json:"properties,omitempty"`
	Required             []string           `json:"required,omitempty"`
	AdditionalProperties *schema            `json:"additionalProperties,omitempty"`
	AnyOf                []*schema          `json:"anyOf,omitempty"`
}

// schemas makes schemas of Go types as encoding/json writes them. Structs are
// kept by name.
type schemas struct {
	byName map[string]*schema
	types  map[string]reflect.Type
	// lenient schemas are of requests: nothing is needed, and all may be null.
	lenient bool
}

// enums are the values of types of strings.
func enums() map[reflect.Type][]string {
	return map[reflect.Type][]string{
		reflect.TypeFor[recordingState](): {string(stateActive), string(stateInactive)},
		reflect.TypeFor[callreel.EndReason](): {
			string(callreel.EndStopped), string(callreel.EndCallEnded), string(callreel.EndShutdown), string(callreel.EndError), string(callreel.EndInterrupted),
		},
		reflect.TypeFor[callreel.Verdict](): {string(callreel.Pass), string(callreel.Warn), string(callreel.Fail)},
		reflect.TypeFor[callreel.AlarmKind](): {
			string(callreel.AlarmUndecodable), string(callreel.AlarmNoKeyFrame), string(callreel.AlarmSilence), string(callreel.AlarmExcessive),
			string(callreel.AlarmUnwritable), string(callreel.AlarmSpoolSlow), string(callreel.AlarmOverloaded),
		},
		reflect.TypeFor[events.State]():  {string(events.AwaitingValidation), string(events.Active)},
		reflect.TypeFor[events.Schema](): {string(events.EventGrid), string(events.CloudEvents)},
		reflect.TypeFor[whip.State]():    {string(whip.StateNew), string(whip.StateConnected), string(whip.StateDisconnected), string(whip.StateEnded)},
	}
}

// of returns the schema of a type.
func (s *schemas) of(t reflect.Type) *schema {
	if t.Kind() == reflect.Pointer {
		return s.nullable(s.of(t.Elem()))
	}
	if plain := plainSchema(t); plain != nil {
		if s.lenient {
			return s.nullable(plain)
		}
		return plain
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return &schema{Type: "array", Items: s.of(t.Elem())}
	case reflect.Map:
		return &schema{Type: "object", AdditionalProperties: s.of(t.Elem())}
	case reflect.Struct:
		return s.named(t)
	case reflect.Interface:
		return &schema{}
	}
	panic(fmt.Sprintf("control: no schema of %v", t)) // New's tests have seen all types
}

// plainSchema is of types that are no containers.
func plainSchema(t reflect.Type) *schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &schema{Type: "string", Format: "date-time"}
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return &schema{} // anything
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return &schema{Type: "string"}
	}
	switch t.Kind() {
	case reflect.String:
		return &schema{Type: "string", Enum: enums()[t]}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Float32, reflect.Float64:
		return &schema{Type: "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &schema{Type: "integer"}
	}
	return nil
}

// nullable lets null be a value too.
func (s *schemas) nullable(of *schema) *schema {
	if name, ok := of.Type.(string); ok && of.Enum == nil {
		out := *of
		out.Type = []string{name, "null"}
		return &out
	}
	if of.Type != nil && of.Enum == nil {
		return of // it is
	}
	return &schema{AnyOf: []*schema{of, {Type: "null"}}}
}

// named keeps the schema of a struct and returns a reference to it. Without a
// name, and for a struct without fields, it is the schema itself.
func (s *schemas) named(t reflect.Type) *schema {
	if t.Name() == "" || t.NumField() == 0 {
		return s.object(t)
	}
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if known := s.types[name]; known != nil && known != t {
		panic(fmt.Sprintf("control: %v and %v are both called %s", known, t, name)) // likewise
	}
	if s.types[name] == nil {
		s.types[name] = t
		s.byName[name] = nil // until it is known, for types that hold themselves
		s.byName[name] = s.object(t)
	}
	return &schema{Ref: "#/components/schemas/" + name}
}

func (s *schemas) object(t reflect.Type) *schema {
	out := &schema{Type: "object", Properties: make(map[string]*schema)}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		property := s.of(f.Type)
		omitted := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if f.Type.Kind() == reflect.Pointer && omitted {
			property = s.of(f.Type.Elem())
		}
		out.Properties[name] = property
		if !omitted && !s.lenient {
			out.Required = append(out.Required, name)
		}
	}
	return out
}
