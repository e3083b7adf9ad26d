package ingest

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
)

// What a packet carries besides itself stays only if it is new enough.
func TestStrip(t *testing.T) {
	red := joinRED([]redBlock{{111, 1920, []byte("older")}, {111, 960, []byte("old")}}, redBlock{payloadType: 111, data: []byte("own")})
	fec := func(base uint16) []byte {
		return append([]byte{122, 0, 0, byte(base >> 8), byte(base)}, make([]byte, 10)...)
	}
	for name, c := range map[string]struct {
		types         Payloads
		payloadType   uint8
		payload, want []byte
		own           string
		oldest        uint32
	}{
		"all of RED":        {opusRED, 63, red, red, "own", 98080},
		"one block":         {opusRED, 63, red, joinRED([]redBlock{{111, 960, []byte("old")}}, redBlock{payloadType: 111, data: []byte("own")}), "own", 98081},
		"no block":          {opusRED, 63, red, []byte("\x6fown"), "own", 100000},
		"malformed RED":     {opusRED, 63, red[:9], nil, "", 100000},
		"no RED":            {opusRED, 111, []byte("own"), []byte("own"), "own", 100000},
		"another type":      {Payloads{}, 63, []byte("own"), []byte("own"), "own", 100000},
		"FEC from there on": {vp8FEC, 116, fec(7), fec(7), string(fec(7)[1:]), 100000},
		"FEC of before":     {vp8FEC, 116, fec(6), nil, "", 100000},
		"short FEC":         {vp8FEC, 116, fec(7)[:10], nil, "", 100000},
		"bare FEC":          {vp8FEC, 122, fec(6)[1:], nil, "", 100000},
		"media beside FEC":  {vp8FEC, 116, []byte("\x60own"), []byte("\x60own"), "own", 100000},
	} {
		p := &rtp.Packet{Header: rtp.Header{PayloadType: c.payloadType, Timestamp: 100000}, Payload: bytes.Clone(c.payload)}
		if own := c.types.Strip(p, c.oldest, 7); string(own) != c.own || !bytes.Equal(p.Payload, c.want) {
			t.Errorf("%s: %q of %q, want %q of %q", name, own, p.Payload, c.own, c.want)
		}
	}
}
