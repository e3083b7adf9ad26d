package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"

	"github.com/callreel/callreel/internal/codec"
)

const (
	soundRate = 48000
	soundStep = soundRate / 50 // a packet has 20 ms
	// turn is how long somebody speaks, in seconds.
	turn = 4
	// hiss is the amplitude of a microphone's own noise, about -70 dBFS.
	hiss = 10
	// unsent is the size up to which Opus need not send a packet (DTX).
	unsent = 2
)

// voices returns all speech, one after the other, as 48 kHz mono.
func (f *footage) voices(ctx context.Context) (_ []int16, err error) {
	if f.pcm == nil {
		f.pcm, err = f.listen(ctx)
	}
	return f.pcm, err
}

func (f *footage) listen(ctx context.Context) ([]int16, error) {
	var pcm []int16
	for _, input := range f.speech() {
		args := append([]string{"-v", "error", "-nostdin"}, input...)
		cmd := exec.CommandContext(ctx, "ffmpeg", append(args, "-ac", "1", "-ar", fmt.Sprint(soundRate), "-f", "s16le", "-")...)
		var said bytes.Buffer
		cmd.Stderr = &said
		data, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(said.Bytes()))
		}
		part := make([]int16, len(data)/2)
		if _, err := binary.Decode(data, binary.LittleEndian, part); err != nil {
			return nil, err
		}
		pcm = append(pcm, part...)
	}
	return pcm, nil
}

// microphone says what is heard of a participant.
type microphone struct {
	of, i   int // participant i of so many, who speak in turns
	seconds int
	muted   bool
	dtx     bool
}

// stream encodes it as Opus.
func (m microphone) stream(voices []int16) (coded, error) {
	const bitRate = 32000
	enc, err := codec.NewOpusEncoder(1, bitRate, m.dtx)
	if err != nil {
		return coded{}, err
	}
	out := coded{MIME: "audio/opus", Clock: soundRate, Step: soundStep}
	noise := rand.New(rand.NewPCG(uint64(m.i), 0)) // the same every time
	block := make([]int16, soundStep)
	for at := 0; at < m.seconds*soundRate; at += soundStep {
		speaks := at/(turn*soundRate)%m.of == m.i
		for k := range block {
			block[k] = 0
			if !m.muted {
				block[k] = int16(noise.IntN(2*hiss+1) - hiss)
			}
			if speaks && !m.muted {
				block[k] += voices[(at+k+m.i*7*soundRate)%len(voices)] / 2
			}
		}
		packet, err := enc.Encode(block)
		if err != nil {
			return out, err
		}
		if m.dtx && len(packet) <= unsent {
			packet = nil
		}
		out.Frames = append(out.Frames, codedFrame{Data: packet})
	}
	return out, nil
}

// microphoneStream returns what a microphone sends.
func (f *footage) microphoneStream(ctx context.Context, cache string, m microphone) (coded, error) {
	name := fmt.Sprintf("%s-voice-%d-of-%d-%ds-m%v-d%v", f.work, m.i, m.of, m.seconds, m.muted, m.dtx)
	return kept(cache, name, func() (coded, error) {
		voices, err := f.voices(ctx)
		if err != nil {
			return coded{}, err
		}
		return m.stream(voices)
	})
}
