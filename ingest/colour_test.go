package ingest

import "testing"

// The color-space extension comes with the last packet of a frame, and holds
// until a key frame has none.
func TestColour(t *testing.T) {
	const id = 5
	codec, err := CodecByMime("video/VP8")
	if err != nil {
		t.Fatal(err)
	}
	r := NewReceiver(ReceiverConfig{Codec: codec, Extensions: Extensions{ColorSpace: id}})
	full709 := Colour{Matrix: 1, FullRange: true}
	for n, c := range []struct {
		frame     []byte
		extension []byte
		want      Colour
	}{
		{vp8Key, nil, Colour{}},
		{vp8Key, []byte{1, 13, 1, 0x20}, full709},
		{vp8Inter, nil, full709},
		{vp8Inter, []byte{6, 6, 6, 0x10}, Colour{Matrix: 6}},
		{vp8Inter, []byte{6, 6, 6}, Colour{Matrix: 6}},
		{vp8Inter, []byte{1, 13, 0, 0x20}, Colour{}},
		{vp8Inter, []byte{1, 1, 9, 0x25, 0, 0, 0, 0}, Colour{Matrix: 9, FullRange: true}},
		{vp8Key, nil, Colour{}},
	} {
		p := pkt(uint16(n), uint32(3000*n), true, append([]byte{0x10}, c.frame...)...)
		if c.extension != nil {
			if err := p.SetExtension(id, c.extension); err != nil {
				t.Fatal(err)
			}
		}
		r.Push(p, 0)
		if u, ok := r.Pop(); !ok || u.Colour != c.want {
			t.Errorf("frame %d: %v, %+v, want %+v", n, ok, u.Colour, c.want)
		}
	}
}
