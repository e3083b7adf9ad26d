package control

import (
	"fmt"
	"strings"

	"github.com/callreel/callreel/events"
)

// The limits of sound with a channel for each participant.
const (
	maxChannels     = 5
	maxIdentifierID = 1024 // bytes
)

// channelAffinity says which channel of unmixed sound is whose.
type channelAffinity struct {
	Channel     *int               `json:"channel"`
	Participant *events.Identifier `json:"participant"`
}

// checkIdentifier finds what is wrong with one.
func checkIdentifier(i events.Identifier, target string) error {
	given, kind := i.IDs(), i.Kind
	if kind == "" {
		for only := range given {
			kind = only
		}
	}
	id, has := given[kind]
	switch {
	case len(given) > 1:
		return invalid(target, "it is of several kinds")
	case len(given) == 1 && !has:
		return invalid(target+".kind", "it is not what is given")
	case len(given) == 0 && kind != "" && !strings.EqualFold(kind, "unknown"):
		return invalid(target+"."+kind, "it is missing")
	case has && id == "" || !has && i.RawID == "":
		return invalid(target, "it names nobody")
	case len(id) > maxIdentifierID || len(i.RawID) > maxIdentifierID:
		return invalid(target, "an id has more than %d bytes", maxIdentifierID)
	}
	return nil
}

// checkChannels checks who is to have which channel. That has a meaning for
// unmixed sound only; with mixed sound it is right or wrong, and no more.
func (b *callingStart) checkChannels() error {
	const ordering, affinity = "audioChannelParticipantOrdering", "channelAffinity"
	if len(b.Ordering) > maxChannels || len(b.Affinity) > maxChannels {
		return invalid(ordering, "there are %d channels at most", maxChannels)
	}
	for n := range b.Ordering {
		if err := checkIdentifier(b.Ordering[n], fmt.Sprintf("%s[%d]", ordering, n)); err != nil {
			return err
		}
	}
	taken := map[int]bool{}
	for n, a := range b.Affinity {
		target := fmt.Sprintf("%s[%d]", affinity, n)
		switch {
		case a.Participant == nil:
			return invalid(target+".participant", "it is missing")
		case a.Channel == nil:
		case *a.Channel < 0 || *a.Channel >= maxChannels:
			return invalid(target+".channel", "it must be 0 to %d", maxChannels-1)
		case taken[*a.Channel]:
			return invalid(target+".channel", "it is taken")
		default:
			taken[*a.Channel] = true
		}
		if err := checkIdentifier(*a.Participant, target+".participant"); err != nil {
			return err
		}
	}
	return nil
}
