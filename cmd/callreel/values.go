package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/fault"
)

// canvasSize is a value such as 1920x1080, in pixels.
type canvasSize struct{ width, height int }

func (s *canvasSize) UnmarshalText(b []byte) error {
	w, h, ok := strings.Cut(string(b), "x")
	var err error
	if s.width, err = strconv.Atoi(w); err == nil && ok {
		s.height, err = strconv.Atoi(h)
	}
	if err != nil || !ok {
		return fmt.Errorf("%q is not a size such as 1920x1080", b)
	}
	return nil
}

// byteSize is a value such as 2GiB or 500MB.
type byteSize int64

func (s *byteSize) UnmarshalText(b []byte) error {
	text := string(b)
	digits := strings.TrimRight(text, "BKMGTIbkmgti ")
	n, err := strconv.ParseInt(digits, 10, 64)
	unit, ok := map[string]int64{
		"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
		"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40,
	}[strings.ToUpper(strings.TrimSpace(text[len(digits):]))]
	if err != nil || !ok || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is not a size such as 2GiB or 500MB", b)
	}
	*s = byteSize(n * unit)
	return nil
}

// portRange is a value such as 50000-50100.
type portRange struct{ first, last uint16 }

func (r *portRange) UnmarshalText(b []byte) error {
	from, to, ok := strings.Cut(string(b), "-")
	first, err1 := strconv.ParseUint(from, 10, 16)
	last, err2 := strconv.ParseUint(to, 10, 16)
	if !ok || err1 != nil || err2 != nil || first == 0 || first > last {
		return fmt.Errorf("%q is not a range of ports such as 50000-50100", b)
	}
	r.first, r.last = uint16(first), uint16(last)
	return nil
}

// iceServer is a value such as stun:stun.example.com or
// turn:turn.example.com,user,secret.
type iceServer whip.ICEServer

func (s *iceServer) UnmarshalText(b []byte) error {
	parts := strings.Split(string(b), ",")
	switch len(parts) {
	case 1:
		*s = iceServer{URL: parts[0]}
	case 3:
		*s = iceServer{URL: parts[0], Username: parts[1], Credential: parts[2]}
	default:
		return fmt.Errorf("%q is not a URL, or one with a user name and a credential after commas", parts[0])
	}
	return nil
}

// moment is a time such as 2026-12-01T10:00:00Z, 2026-12-01 (here, at midnight)
// or 24h (ago). The zero value is none.
type moment struct{ time.Time }

func (m *moment) UnmarshalText(b []byte) error {
	text := string(b)
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			m.Time = t
			return nil
		}
	}
	ago, err := time.ParseDuration(strings.TrimSpace(strings.TrimSuffix(text, "ago")))
	if err != nil || ago < 0 {
		return fmt.Errorf("%q is not a time such as 2026-12-01, 2026-12-01T10:00:00Z or 24h ago", text)
	}
	m.Time = time.Now().Add(-ago)
	return nil
}

// parseSigningKey reads the key of Standard Webhooks; empty is none.
func parseSigningKey(text string) ([]byte, error) {
	const least, most = 24, 64 // bytes
	if text == "" {
		return nil, nil
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	if err != nil || len(key) < least || len(key) > most {
		return nil, fault.Caller.Wrap(errors.New("the signing key must be Base64 of 24 to 64 bytes"))
	}
	return key, nil
}
