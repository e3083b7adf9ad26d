package ingest

import (
	"bytes"
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"github.com/Eyevinn/mp4ff/avc"
)

const (
	maxParameterSet = 4096 // bytes
	// maxParameterSets bounds all of a stream together, as they are put before
	// every IDR picture that has none. Encoders use some 100 bytes.
	maxParameterSets = 32 << 10
	maxPictureSide   = 1 << 14
)

// parameterSets are the sequence and picture parameter sets of an H.264 stream
// by their numbers: at most 32 and 256.
type parameterSets struct {
	sps   map[uint32]spsInfo
	pps   map[uint32]ppsInfo
	bytes int // of both

	// stale says that packets are missing since the last parameter sets, among
	// which new ones may have been.
	stale bool
	// carried says that the last IDR picture brought its own parameter sets.
	carried bool
}

type spsInfo struct {
	nal           []byte
	width, height int // pixels
}

type ppsInfo struct {
	nal []byte
	sps uint32
}

// parseSprop reads sprop-parameter-sets (RFC 6184 section 8.1). What is wrong
// there is ignored: the stream brings its own parameter sets then, or is never shown.
func parseSprop(fmtp string) parameterSets {
	s := parameterSets{sps: map[uint32]spsInfo{}, pps: map[uint32]ppsInfo{}}
	for param := range strings.SplitSeq(fmtp, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if !strings.EqualFold(name, "sprop-parameter-sets") {
			continue
		}
		for text := range strings.SplitSeq(value, ",") {
			if nal, err := base64.StdEncoding.DecodeString(text); err == nil {
				s.learn(nal)
			}
		}
	}
	return s
}

// learn takes a NAL unit that may be a parameter set.
func (s *parameterSets) learn(nal []byte) {
	if len(nal) == 0 {
		return
	}
	switch nal[0] & 0x1f {
	case nalSPS:
		_ = s.learnSPS(nal)
	case nalPPS:
		_ = s.learnPPS(nal)
	}
}

func (s *parameterSets) learnSPS(nal []byte) error {
	for _, known := range s.sps {
		if bytes.Equal(known.nal, nal) {
			return nil
		}
	}
	if len(nal) > maxParameterSet {
		return errSyntax
	}
	sps, err := avc.ParseSPSNALUnit(nal, false)
	if err != nil || sps.ParameterID > 31 {
		return errSyntax
	}
	if sps.Width-1 >= maxPictureSide || sps.Height-1 >= maxPictureSide {
		return errSyntax
	}
	s.replace(s.sps[sps.ParameterID].nal, nal)
	s.sps[sps.ParameterID] = spsInfo{bytes.Clone(nal), int(sps.Width), int(sps.Height)}
	return nil
}

func (s *parameterSets) learnPPS(nal []byte) error {
	r := bitReader{data: nal[1:]}
	id, sps := r.ue(), r.ue()
	if r.short || id > 255 || sps > 31 || len(nal) > maxParameterSet {
		return errSyntax
	}
	if !bytes.Equal(s.pps[id].nal, nal) {
		s.replace(s.pps[id].nal, nal)
		s.pps[id] = ppsInfo{bytes.Clone(nal), sps}
	}
	return nil
}

// replace makes room for a parameter set in the place of an older one. If there
// are too many, all are forgotten.
func (s *parameterSets) replace(older, nal []byte) {
	if s.bytes += len(nal) - len(older); s.bytes > maxParameterSets {
		clear(s.sps)
		clear(s.pps)
		s.bytes = len(nal)
	}
}

// of returns the SPS of the picture parameter set numbered pps.
func (s *parameterSets) of(pps uint32) (spsInfo, bool) {
	p, ok := s.pps[pps]
	if !ok {
		return spsInfo{}, false
	}
	info, ok := s.sps[p.sps]
	return info, ok
}

// trusted reports whether an IDR picture can be decoded with the parameter
// sets that are known. Some senders send them with every IDR picture, others
// once, or only in the SDP. So if they came with the last IDR picture, do not
// come with this one, and packets are missing, then those had them, and maybe
// other ones. The sender is asked for another key frame in this case, and if
// that one has none either they are not expected any more.
func (s *parameterSets) trusted(own bool) bool {
	ok := own || !s.stale || !s.carried
	s.carried = own
	if ok {
		s.stale = false
	}
	return ok
}

func (s *parameterSets) appendSPS(b *frameBuffer) error {
	for _, id := range slices.Sorted(maps.Keys(s.sps)) {
		if err := appendNAL(b, s.sps[id].nal); err != nil {
			return err
		}
	}
	return nil
}

func (s *parameterSets) appendPPS(b *frameBuffer) error {
	for _, id := range slices.Sorted(maps.Keys(s.pps)) {
		if err := appendNAL(b, s.pps[id].nal); err != nil {
			return err
		}
	}
	return nil
}

func appendNAL(b *frameBuffer, nal []byte) error {
	if err := b.append([]byte{0, 0, 0, 1}); err != nil {
		return err
	}
	return b.append(nal)
}
