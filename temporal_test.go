package callreel_test

import "encoding/binary"

// payloader cuts a coded picture into payloads.
type payloader interface {
	Payload(mtu uint16, picture []byte) [][]byte
}

// layeredVP8Parameters make libvpx send three temporal layers, as Chrome does.
const layeredVP8Parameters = "ts_number_layers=3:ts_target_bitrate=200,300,500:ts_rate_decimator=4,2,1:" +
	"ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3"

// layeredVP8 writes the payload descriptor of temporal layers (RFC 7741 section 4.2).
type layeredVP8 struct {
	picture uint16
	base    uint8 // TL0PICIDX
	phase   int
}

func (v *layeredVP8) Payload(mtu uint16, picture []byte) (out [][]byte) {
	if picture[0]&1 == 0 { // a key frame begins the pattern anew
		v.phase = 0
	}
	tid := [...]uint8{0, 2, 1, 2}[v.phase%4]
	v.phase++
	v.picture++
	if tid == 0 {
		v.base++
	}
	const x, s, i, l, t = 0x80, 0x10, 0x80, 0x40, 0x20
	first := byte(x | s)
	for len(picture) > 0 {
		n := min(len(picture), int(mtu)-6)
		p := binary.BigEndian.AppendUint16([]byte{first, i | l | t}, v.picture|0x8000)
		p = append(p, v.base, tid<<6)
		out = append(out, append(p, picture[:n]...))
		first, picture = x, picture[n:]
	}
	return out
}
