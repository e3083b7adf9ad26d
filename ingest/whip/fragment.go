package whip

import (
	"strings"

	"github.com/pion/sdp/v3"
)

// fragment is what a PATCH carries: an SDP fragment of trickled candidates
// (RFC 8840, section 9).
type fragment struct {
	ufrag, pwd string   // empty if not said
	candidates []string // values of a=candidate
}

// parseFragment reads an SDP fragment. Attributes that are of no use here are
// skipped. Its errors are statusErrors.
func parseFragment(body []byte) (fragment, error) {
	var f fragment
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return f, malformed("not an SDP fragment: %q", line)
		}
		key, value, _ := strings.Cut(line[2:], ":")
		if line[0] != 'a' {
			continue
		}
		if err := f.add(key, value); err != nil {
			return f, err
		}
	}
	if (f.ufrag != "" || f.pwd != "") && !validCredentials(f.ufrag, f.pwd) {
		return f, malformed("malformed ICE credentials")
	}
	return f, nil
}

func (f *fragment) add(key, value string) error {
	switch key {
	case "ice-ufrag":
		if f.ufrag != "" && f.ufrag != value {
			return malformed("two ICE user fragments in one bundle")
		}
		f.ufrag = value
	case "ice-pwd":
		if f.pwd != "" && f.pwd != value {
			return malformed("two ICE passwords in one bundle")
		}
		f.pwd = value
	case sdp.AttrKeyCandidate:
		if len(f.candidates) == maxCandidates {
			return malformed("more than %d candidates", maxCandidates)
		}
		f.candidates = append(f.candidates, value)
	}
	return nil
}

// answerFragment makes the fragment that answers an ICE restart out of a local
// description: the credentials and candidates of the one transport.
func answerFragment(local *sdp.SessionDescription) string {
	var b strings.Builder
	line := func(key, value string) {
		b.WriteString("a=" + key)
		if value != "" {
			b.WriteString(":" + value)
		}
		b.WriteString("\r\n")
	}
	answer := offer{desc: *local}
	tag := answer.bundleTag()
	if group, ok := local.Attribute(sdp.AttrKeyGroup); ok {
		line(sdp.AttrKeyGroup, group)
	}
	b.WriteString("m=" + tag.MediaName.String() + "\r\n")
	line(sdp.AttrKeyMID, mid(tag))
	for _, key := range []string{"ice-ufrag", "ice-pwd"} {
		value, _ := attribute(local, tag, key)
		line(key, value)
	}
	for _, a := range tag.Attributes {
		if a.Key == sdp.AttrKeyCandidate {
			line(a.Key, a.Value)
		}
	}
	line(sdp.AttrKeyEndOfCandidates, "")
	return b.String()
}
