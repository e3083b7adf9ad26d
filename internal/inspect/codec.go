package inspect

import (
	"bytes"
	"fmt"

	"github.com/Eyevinn/mp4ff/aac"
	"github.com/Eyevinn/mp4ff/mp4"
)

// describe takes the first sample entry.
func (t *track) describe(stsd *mp4.StsdBox) {
	for _, b := range stsd.Children {
		switch b := b.(type) {
		case *mp4.VisualSampleEntryBox:
			t.describeVideo(b)
		case *mp4.AudioSampleEntryBox:
			t.describeAudio(b)
		default:
			t.Codec = b.Type()
		}
		return
	}
}

func (t *track) describeVideo(b *mp4.VisualSampleEntryBox) {
	t.Codec, t.Width, t.Height = b.Type(), int(b.Width), int(b.Height)
	if c := b.AvcC; c != nil {
		t.Codec = fmt.Sprintf("%s.%02x%02x%02x", b.Type(), c.AVCProfileIndication, c.ProfileCompatibility, c.AVCLevelIndication)
		t.Profile = avcProfile(c.AVCProfileIndication, c.ProfileCompatibility)
		t.Level = avcLevel(c.AVCLevelIndication)
	}
	for _, child := range b.Children {
		c, ok := child.(*mp4.ColrBox)
		if ok && (c.ColorType == mp4.ColorTypeOnScreenColors || c.ColorType == mp4.QuickTimeColorParameters) {
			t.Colour = &Colour{int(c.ColorPrimaries), int(c.TransferCharacteristics), int(c.MatrixCoefficients), c.FullRangeFlag}
		}
	}
}

// avcProfile names a profile_idc (ISO/IEC 14496-10, annex A).
func avcProfile(idc, constraints byte) string {
	const set1 = 0x40
	switch idc {
	case 66:
		if constraints&set1 != 0 {
			return "Constrained Baseline"
		}
		return "Baseline"
	case 77:
		return "Main"
	case 88:
		return "Extended"
	case 100:
		return "High"
	case 110:
		return "High 10"
	case 122:
		return "High 4:2:2"
	case 244:
		return "High 4:4:4 Predictive"
	}
	return fmt.Sprintf("profile %d", idc)
}

func avcLevel(idc byte) string {
	if idc%10 == 0 {
		return fmt.Sprint(idc / 10)
	}
	return fmt.Sprintf("%d.%d", idc/10, idc%10)
}

func (t *track) describeAudio(b *mp4.AudioSampleEntryBox) {
	t.Codec, t.SampleRate, t.Channels = b.Type(), int(b.SampleRate), int(b.ChannelCount)
	if b.Esds == nil || b.Esds.DecConfigDescriptor == nil {
		return
	}
	d := b.Esds.DecConfigDescriptor
	t.Codec = fmt.Sprintf("%s.%02x", b.Type(), d.ObjectType)
	if d.ObjectType != mp4.ObjectTypeAAC || d.DecSpecificInfo == nil {
		return
	}
	asc, err := aac.DecodeAudioSpecificConfigHeader(bytes.NewReader(d.DecSpecificInfo.DecConfig))
	if err != nil {
		return
	}
	t.Codec = fmt.Sprintf("%s.%d", t.Codec, asc.ObjectType)
	t.SampleRate, t.Channels = asc.SamplingFrequency, int(asc.ChannelConfiguration)
	t.Profile = aacProfile(asc.ObjectType)
}

// aacProfile names an audio object type (ISO/IEC 14496-3, 1.5.1.1).
func aacProfile(object byte) string {
	switch object {
	case aac.AAClc:
		return "AAC-LC"
	case aac.HEAACv1:
		return "HE-AAC"
	case aac.HEAACv2:
		return "HE-AAC v2"
	}
	return fmt.Sprintf("object type %d", object)
}
