package codec

// OpusRedundant reports whether an Opus packet carries a copy of the audio of
// the packet before it, at a lower rate: the LBRR flag of its first SILK frame
// (RFC 6716 sections 4.2.3 and 4.2.4), of the middle channel if it is stereo.
// What can't be parsed carries none.
func OpusRedundant(packet []byte) bool {
	if len(packet) == 0 || packet[0] >= 16<<3 { // CELT only
		return false
	}
	frame := firstOpusFrame(packet)
	if len(frame) == 0 {
		return false
	}
	blocks := 1 // VAD flags that come first: one for each 20 ms
	if duration := packet[0] >> 3 & 3; packet[0] < 12<<3 && duration > 1 {
		blocks = int(duration)
	}
	return frame[0]>>(7-blocks)&1 == 1
}

// firstOpusFrame returns the packet from its first frame on: RFC 6716 section 3.2.
func firstOpusFrame(packet []byte) []byte {
	p := packet[1:]
	switch packet[0] & 3 {
	case 2:
		return skipOpusLength(p)
	case 3:
		return skipOpusFrameCount(p)
	}
	return p
}

func skipOpusLength(p []byte) []byte {
	switch {
	case len(p) > 0 && p[0] < 252:
		return p[1:]
	case len(p) > 1:
		return p[2:]
	}
	return nil
}

func skipOpusFrameCount(p []byte) []byte {
	if len(p) == 0 {
		return nil
	}
	count := p[0]
	p = p[1:]
	if count&0x40 != 0 { // lengths of padding, which is at the end
		for more := true; more && len(p) > 0; p = p[1:] {
			more = p[0] == 255
		}
	}
	if count&0x80 != 0 { // of all frames but the last
		for range int(count&0x3f) - 1 {
			p = skipOpusLength(p)
		}
	}
	return p
}
