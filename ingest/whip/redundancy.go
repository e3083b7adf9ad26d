package whip

import (
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// chooseRedundancy edits an offer so that the answer, which keeps to it, asks for
// the redundancy that serves a recorder, which has time.
//
// Of audio, RED comes first: browsers send it only if it is before the codec that
// it repeats. Of video that can be retransmitted there is no ULPFEC: it would take
// a quarter of the bandwidth, restores less than retransmission does, and its own
// packets, which senders do not repeat, look like losses.
func (o *offer) chooseRedundancy() {
	for _, m := range o.desc.MediaDescriptions {
		red := slices.IndexFunc(m.MediaName.Formats, func(format string) bool { return encoding(m, format) == "red" })
		switch {
		case m.MediaName.Media == "audio" && red >= 0:
			format := m.MediaName.Formats[red]
			m.MediaName.Formats = slices.Insert(slices.Delete(m.MediaName.Formats, red, red+1), 0, format)
		case m.MediaName.Media == "video" && retransmits(m):
			m.MediaName.Formats = slices.DeleteFunc(m.MediaName.Formats, func(format string) bool {
				name := encoding(m, format)
				return name == "red" || name == "ulpfec"
			})
		}
	}
}

// retransmits reports whether a retransmission format is offered (RFC 4588).
func retransmits(m *sdp.MediaDescription) bool {
	return slices.ContainsFunc(m.MediaName.Formats, func(format string) bool { return encoding(m, format) == "rtx" })
}

// encoding returns the encoding name of a format, in lower case.
func encoding(m *sdp.MediaDescription, format string) string {
	for _, a := range m.Attributes {
		if value, ok := strings.CutPrefix(a.Value, format+" "); ok && a.Key == "rtpmap" {
			name, _, _ := strings.Cut(value, "/")
			return strings.ToLower(name)
		}
	}
	return ""
}
