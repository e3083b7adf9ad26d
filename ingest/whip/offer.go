package whip

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	maxSections   = 16
	maxCandidates = 128 // in an offer, or trickled in one generation
	maxMID        = 64  // bytes
)

// offer is an SDP offer that has been checked as far as RFC 9725, section 4.2,
// goes, so that the WebRTC stack sees nothing that it was not made for.
type offer struct {
	desc       sdp.SessionDescription
	ufrag, pwd string
	sections   int  // of audio and video that are not rejected
	unbundled  bool // the publisher sent no BUNDLE group, and must get none
}

// parseOffer checks an offer and gives a mid to media sections that have none.
// Its errors are statusErrors.
func parseOffer(body []byte) (*offer, error) {
	o := &offer{}
	if !bytes.HasPrefix(body, []byte("v=0")) {
		return nil, malformed("not an SDP")
	}
	if err := o.desc.Unmarshal(body); err != nil {
		return nil, malformed("not an SDP: %v", err)
	}
	if n := len(o.desc.MediaDescriptions); n > maxSections {
		return nil, unprocessable("%d media sections, more than %d", n, maxSections)
	}
	if err := o.nameSections(); err != nil {
		return nil, err
	}
	for _, m := range o.desc.MediaDescriptions {
		if !isActive(m) || !isMedia(m) {
			continue
		}
		o.sections++
		if d := direction(&o.desc, m); d != sdp.AttrKeySendOnly && d != sdp.AttrKeySendRecv {
			return nil, unprocessable("media section %q is %s: a WHIP offer only sends", mid(m), d)
		}
	}
	if o.sections == 0 {
		return nil, unprocessable("no audio or video is offered")
	}
	o.chooseRedundancy()
	return o, o.checkTransport()
}

// nameSections sees to it that every section has a mid of its own.
func (o *offer) nameSections() error {
	seen := make(map[string]bool)
	for i, m := range o.desc.MediaDescriptions {
		id, ok := m.Attribute(sdp.AttrKeyMID)
		if !ok {
			id = "mid" + strconv.Itoa(i)
			m.WithValueAttribute(sdp.AttrKeyMID, id)
		}
		if id == "" || len(id) > maxMID || strings.ContainsAny(id, " \t") || seen[id] {
			return malformed("mid %q is empty, too long or used twice", id)
		}
		seen[id] = true
	}
	return nil
}

// checkTransport looks at what one transport for all sections needs: a bundle,
// ICE credentials and a DTLS fingerprint.
func (o *offer) checkTransport() error {
	active := 0
	for _, m := range o.desc.MediaDescriptions {
		if !isActive(m) {
			continue
		}
		active++
		if setup, _ := attribute(&o.desc, m, sdp.AttrKeyConnectionSetup); setup == "passive" || setup == "holdconn" {
			return unprocessable("a=setup:%s: the publisher must be able to be the DTLS client", setup)
		}
	}
	group := o.bundle()
	if active > 1 && len(group) < active {
		return unprocessable("%d media sections, of which %d are bundled", active, len(group))
	}
	tag := o.bundleTag()
	if len(group) == 0 { // the stack rejects a section that is in no group
		o.unbundled = true
		o.desc.WithValueAttribute(sdp.AttrKeyGroup, "BUNDLE "+mid(tag))
	}
	o.ufrag, _ = attribute(&o.desc, tag, "ice-ufrag")
	o.pwd, _ = attribute(&o.desc, tag, "ice-pwd")
	if !validCredentials(o.ufrag, o.pwd) {
		return malformed("ICE credentials are missing or malformed")
	}
	if f, _ := attribute(&o.desc, tag, "fingerprint"); len(strings.Fields(f)) != 2 {
		return malformed("the DTLS fingerprint is missing or malformed")
	}
	candidates := 0
	for _, m := range o.desc.MediaDescriptions {
		candidates += countAttribute(m, sdp.AttrKeyCandidate)
	}
	if candidates > maxCandidates {
		return malformed("%d candidates, more than %d", candidates, maxCandidates)
	}
	return nil
}

// bundle returns the mids of the BUNDLE group (RFC 9143).
func (o *offer) bundle() []string {
	group, _ := o.desc.Attribute(sdp.AttrKeyGroup)
	mids, ok := strings.CutPrefix(group, "BUNDLE ")
	if !ok {
		return nil
	}
	return strings.Fields(mids)
}

// bundleTag returns the section whose transport all share.
func (o *offer) bundleTag() *sdp.MediaDescription {
	if group := o.bundle(); len(group) > 0 {
		for _, m := range o.desc.MediaDescriptions {
			if mid(m) == group[0] {
				return m
			}
		}
	}
	return o.desc.MediaDescriptions[slices.IndexFunc(o.desc.MediaDescriptions, isActive)]
}

// restart returns the offer with new credentials and candidates: what the
// publisher would have sent, had it offered anew to restart ICE.
func (o *offer) restart(f fragment) (*offer, error) {
	text, err := o.desc.Marshal()
	if err != nil {
		return nil, err
	}
	n := &offer{ufrag: f.ufrag, pwd: f.pwd, sections: o.sections, unbundled: o.unbundled}
	if err := n.desc.Unmarshal(text); err != nil {
		return nil, err
	}
	n.desc.Origin.SessionVersion++
	n.desc.Attributes = withoutICE(n.desc.Attributes)
	for _, m := range n.desc.MediaDescriptions {
		m.Attributes = withoutICE(m.Attributes)
		m.WithICECredentials(f.ufrag, f.pwd)
	}
	tag := n.bundleTag()
	for _, c := range f.candidates {
		tag.WithValueAttribute(sdp.AttrKeyCandidate, c)
	}
	return n, nil
}

func (o *offer) String() string {
	text, err := o.desc.Marshal()
	if err != nil {
		return ""
	}
	return string(text)
}

func withoutICE(as []sdp.Attribute) []sdp.Attribute {
	return slices.DeleteFunc(as, func(a sdp.Attribute) bool {
		switch a.Key {
		case "ice-ufrag", "ice-pwd", sdp.AttrKeyCandidate, sdp.AttrKeyEndOfCandidates:
			return true
		}
		return false
	})
}

// isActive reports whether a section takes part: port zero means that it is
// rejected (RFC 3264, section 6) unless it shares another's port.
func isActive(m *sdp.MediaDescription) bool {
	_, bundled := m.Attribute("bundle-only")
	return m.MediaName.Port.Value != 0 || bundled
}

func isMedia(m *sdp.MediaDescription) bool {
	return m.MediaName.Media == "audio" || m.MediaName.Media == "video"
}

func mid(m *sdp.MediaDescription) string {
	id, _ := m.Attribute(sdp.AttrKeyMID)
	return id
}

// attribute looks a value up in the section and then in the session.
func attribute(d *sdp.SessionDescription, m *sdp.MediaDescription, key string) (string, bool) {
	if v, ok := m.Attribute(key); ok {
		return v, true
	}
	return d.Attribute(key)
}

// direction returns that of a section; sendrecv is the default (RFC 8866, section 6.7).
func direction(d *sdp.SessionDescription, m *sdp.MediaDescription) string {
	for _, as := range [][]sdp.Attribute{m.Attributes, d.Attributes} {
		for _, a := range as {
			switch a.Key {
			case sdp.AttrKeySendOnly, sdp.AttrKeySendRecv, sdp.AttrKeyRecvOnly, sdp.AttrKeyInactive:
				return a.Key
			}
		}
	}
	return sdp.AttrKeySendRecv
}

func countAttribute(m *sdp.MediaDescription, key string) int {
	n := 0
	for _, a := range m.Attributes {
		if a.Key == key {
			n++
		}
	}
	return n
}

// validCredentials checks ICE credentials against RFC 8839, section 5.4.
func validCredentials(ufrag, pwd string) bool {
	return len(ufrag) >= 4 && len(ufrag) <= 256 && len(pwd) >= 22 && len(pwd) <= 256 &&
		!strings.ContainsFunc(ufrag+pwd, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/'
		})
}
