package simulate

import (
	"context"
	"fmt"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/webrtc/v4"
)

const audioFrame = 20 * timebase.Millisecond

// microphone sends a participant's sound.
type microphone struct {
	who   *Participant
	sound *sound
	enc   audioEncoder
	out   *outbound
	pcm   []int16
	// ahead is by how much sound is made ahead, so that what is decoded from a
	// packet begins at the packet's time.
	ahead timebase.Ticks
}

func newMicrophone(p *Participant) (*microphone, error) {
	c, err := audioCodecByName(p.cfg.Audio)
	if err != nil {
		return nil, err
	}
	track, err := webrtc.NewTrackLocalStaticRTP(c.parameters().RTPCodecCapability, "audio", "callreel")
	if err != nil {
		return nil, fmt.Errorf("simulate: audio track: %w", err)
	}
	enc, err := c.open(c.mime, p.cfg.DTX)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	return &microphone{
		who: p, sound: newSound(p.cfg), enc: enc,
		out: newOutbound(track, c.payloader, &p.count),
		pcm: make([]int16, audioFrame), ahead: c.delay + enc.Delay(),
	}, nil
}

func (m *microphone) close() { m.enc.Close() }

// run sends a packet when its last sample is due, as a real microphone does.
func (m *microphone) run(ctx context.Context, c clock) error {
	for at := c.now().Ceil(audioFrame); c.wait(ctx, at+audioFrame); at += audioFrame {
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
		m.sound.fill(m.pcm, at+m.ahead)
	}
	packet, err := m.enc.Encode(m.pcm)
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if m.who.cfg.DTX && len(packet) <= codec.DTXSize {
		return nil
	}
	m.who.count.sounds.Add(1)
	return m.out.send(packet, at)
}
