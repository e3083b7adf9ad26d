package simulate

import (
	"context"
	"fmt"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

const (
	opusFrame   = 20 * timebase.Millisecond
	opusBitRate = 24000 // bit/s
	// opusDelay is by how much libopus delays sound at 48 kHz, coding and
	// decoding together. Sound is made that much ahead, so that what is decoded
	// from a packet begins at the packet's time.
	opusDelay = 312
	// dtxBytes is the largest packet that need not be sent.
	dtxBytes = 2
)

// microphone sends a participant's sound.
type microphone struct {
	who   *Participant
	sound *sound
	enc   *codec.OpusEncoder
	out   *outbound
	pcm   []int16
}

func newMicrophone(p *Participant) (*microphone, error) {
	enc, err := codec.NewOpusEncoder(1, opusBitRate, p.cfg.DTX)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	track, err := webrtc.NewTrackLocalStaticRTP(opusParameters().RTPCodecCapability, "audio", "callreel")
	if err != nil {
		return nil, fmt.Errorf("simulate: audio track: %w", err)
	}
	return &microphone{
		who: p, sound: newSound(p.cfg), enc: enc,
		out: newOutbound(track, &codecs.OpusPayloader{}, &p.count),
		pcm: make([]int16, opusFrame),
	}, nil
}

// run sends a packet when its last sample is due, as a real microphone does.
func (m *microphone) run(ctx context.Context, c clock) error {
	for at := c.now().Ceil(opusFrame); c.wait(ctx, at+opusFrame); at += opusFrame {
		if err := m.send(at); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (m *microphone) send(at timebase.Ticks) error {
	muted := m.who.muted.audio.Load()
	if muted && m.who.cfg.MuteMode == MuteStop {
		return nil
	}
	if muted {
		clear(m.pcm)
	} else {
		m.sound.fill(m.pcm, at+opusDelay)
	}
	packet, err := m.enc.Encode(m.pcm)
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if m.who.cfg.DTX && len(packet) <= dtxBytes {
		return nil
	}
	m.who.count.sounds.Add(1)
	return m.out.send(packet, at)
}
