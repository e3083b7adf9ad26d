package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrInvalid says that a description of a participant or a track is not usable.
var ErrInvalid = errors.New("ingest: invalid description")

const (
	maxID        = 256     // bytes of IDs and names
	maxFmtp      = 16384   // bytes
	maxClockRate = 1000000 // Hz
)

// Check reports whether the ID and the name keep to their rules. The error is [ErrInvalid].
func (p Participant) Check() error {
	if p.ID == "" {
		return fmt.Errorf("%w: participant without an ID", ErrInvalid)
	}
	if err := checkText("participant ID", p.ID); err != nil {
		return err
	}
	return checkText("name", p.Name)
}

// Kind says whether the track is audio or video, by its MIME type.
func (t TrackInfo) Kind() Kind {
	if kind, _, _ := strings.Cut(t.MimeType, "/"); strings.EqualFold(kind, "video") {
		return Video
	}
	return Audio
}

// Normalise checks the description and fills in what was left out: the ID of
// the track and the clock rate, and the usual spelling of the MIME type. The
// error is [ErrInvalid] or [ErrUnknownCodec]; t is unchanged then.
func (t *TrackInfo) Normalise() error {
	codec, err := CodecByMime(t.MimeType)
	if err != nil {
		return err
	}
	if err := t.check(); err != nil {
		return err
	}
	t.MimeType = codec.MimeType
	t.ClockRate = cmp.Or(t.ClockRate, codec.ClockRate)
	t.ID = cmp.Or(t.ID, t.Role.String()+"/"+codec.Kind.String())
	return nil
}

func (t *TrackInfo) check() error {
	if t.Role > Screen {
		return fmt.Errorf("%w: role %d", ErrInvalid, t.Role)
	}
	if t.ClockRate > maxClockRate {
		return fmt.Errorf("%w: clock rate of %d Hz", ErrInvalid, t.ClockRate)
	}
	if len(t.Fmtp) > maxFmtp {
		return fmt.Errorf("%w: %d bytes of format parameters", ErrInvalid, len(t.Fmtp))
	}
	return errors.Join(t.Participant.Check(), checkText("track ID", t.ID), checkText("RID", t.RID))
}

// checkText accepts up to maxID bytes of UTF-8 without control characters.
func checkText(what, s string) error {
	if len(s) > maxID {
		return fmt.Errorf("%w: %s of %d bytes, the limit is %d", ErrInvalid, what, len(s), maxID)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrInvalid, what)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%w: %s %q has a control character", ErrInvalid, what, s)
	}
	return nil
}
