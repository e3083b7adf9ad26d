package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/callreel/callreel/internal/fault"
)

// recordingFlags are how recordings are made.
type recordingFlags struct {
	Size          canvasSize        `help:"Size of the picture." default:"1920x1080"`
	FrameRate     int               `help:"Frames per second." default:"8"`
	AudioBitRate  int               `help:"Bit rate of the sound in bit/s." default:"48000"`
	Quality       callreel.Quality  `help:"What pictures may cost: ${enum}." enum:"economy,balanced,fine" default:"balanced"`
	Encoder       string            `help:"H.264 encoder, as libavcodec names it." default:"libx264"`
	EncoderOption map[string]string `help:"Options of the encoder over those of the quality, such as preset=veryfast;crf=22." placeholder:"NAME=VALUE"`
	Delay         time.Duration     `help:"How far behind the call a recording is composed, so that late packets are in time." default:"1s"`
	ChunkDuration time.Duration     `help:"Begin a new file when the open one is that long." default:"4h"`
	ChunkSize     byteSize          `help:"Begin a new file when the open one is that large." default:"2GiB"`
	Fragment      time.Duration     `name:"fragment-duration" help:"How much of a recording is written at once: a crash loses what is not written yet." default:"1s"`
	SyncInterval  time.Duration     `help:"How long what was written may stay in memory, where a power loss takes it; 0: each fragment is synced to the disk; negative: a file is when it is finished." default:"0s"`
	EmptyTimeout  time.Duration     `help:"End a recording when nobody has been in the call for that long; negative: never." default:"1m"`
	RejoinGrace   time.Duration     `help:"How long the tile of somebody who left is kept, darkened, in case they come back; negative: not at all." default:"3s"`
	EmptyText     string            `help:"Text to show while nobody is in the call." placeholder:"TEXT"`
	Capture       bool              `help:"Keep also what arrives, in clear, for callreel compose and for Wireshark. Nothing of pauses."`
}

func (f recordingFlags) config() callreel.RecordingConfig {
	return callreel.RecordingConfig{
		Width: f.Size.width, Height: f.Size.height,
		FrameRate:     f.FrameRate,
		AudioBitRate:  f.AudioBitRate,
		Video:         callreel.VideoSettings{Encoder: f.Encoder, Quality: f.Quality, Options: f.EncoderOption},
		Delay:         f.Delay,
		ChunkDuration: f.ChunkDuration, ChunkBytes: int64(f.ChunkSize),
		FragmentDuration: f.Fragment, SyncInterval: f.SyncInterval,
		EmptyTimeout: f.EmptyTimeout,
		RejoinGrace:  f.RejoinGrace,
		EmptyText:    f.EmptyText,
		Capture:      f.Capture,
	}
}

// limitFlags are what a participant may cost.
type limitFlags struct {
	Participants int     `help:"Participants in a call at a time." default:"1000"`
	Tracks       int     `help:"Tracks of a participant at a time, each layer of a simulcast counted." default:"32"`
	Packets      int     `help:"Packets that a participant may send each second; a fifth of that for sound besides." default:"3000"`
	BitRate      int     `help:"Bits that a participant may send each second; likewise." default:"50000000"`
	Pixels       int     `help:"Pixels that a picture may have." default:"9437184"`
	Decoding     float64 `help:"Share of a processor that decoding a participant's pictures may take; negative: any." default:"0.6"`
}

func (f limitFlags) config() callreel.Limits { return callreel.Limits(f) }

// mediaFlags are how publishers connect.
type mediaFlags struct {
	UDPPortRange portRange   `name:"udp-port-range" help:"Range of UDP ports, two or more for each publisher; any if not given." placeholder:"FIRST-LAST"`
	UDPMuxPort   int         `name:"udp-mux-port" help:"One UDP port for all publishers, instead of a range." placeholder:"PORT"`
	TCPPort      int         `name:"tcp-port" help:"TCP port for publishers whose network has no UDP (ICE-TCP)." placeholder:"PORT"`
	MediaIP      string      `name:"media-ip" help:"Address on which the UDP mux and TCP ports listen; all if not given." placeholder:"IP"`
	PublicIP     []string    `name:"public-ip" help:"Addresses to offer instead of the local ones, behind a NAT: at most one IPv4 and one IPv6." placeholder:"IP"`
	IPv6         bool        `name:"ipv6" env:"CALLREEL_IPV6" help:"Offer IPv6 addresses too." default:"true" negatable:""`
	ICEServer    []iceServer `name:"ice-server" sep:";" help:"STUN or TURN servers for publishers to use." placeholder:"URL[,USER,CREDENTIAL]"`
}

// config opens the sockets that are asked for.
func (f mediaFlags) config() (cfg whip.Config, err error) {
	cfg = whip.Config{
		UDPPortMin: f.UDPPortRange.first, UDPPortMax: f.UDPPortRange.last,
		PublicIPs: f.PublicIP, DisableIPv6: !f.IPv6,
	}
	for _, s := range f.ICEServer {
		cfg.ICEServers = append(cfg.ICEServers, whip.ICEServer(s))
	}
	if f.UDPMuxPort != 0 {
		if cfg.UDP, err = net.ListenPacket("udp", net.JoinHostPort(f.MediaIP, strconv.Itoa(f.UDPMuxPort))); err != nil {
			return cfg, fault.Caller.Wrap(fmt.Errorf("UDP mux port: %w", err))
		}
	}
	if f.TCPPort != 0 {
		if cfg.TCP, err = net.Listen("tcp", net.JoinHostPort(f.MediaIP, strconv.Itoa(f.TCPPort))); err != nil {
			return cfg, errors.Join(fault.Caller.Wrap(fmt.Errorf("media over TCP: %w", err)), closeSockets(cfg))
		}
	}
	return cfg, nil
}

// closeSockets closes those of a configuration that came to nothing.
func closeSockets(cfg whip.Config) error {
	var errs []error
	if cfg.UDP != nil {
		errs = append(errs, cfg.UDP.Close())
	}
	if cfg.TCP != nil {
		errs = append(errs, cfg.TCP.Close())
	}
	err := errors.Join(errs...)
	if errors.Is(err, net.ErrClosed) { // by whom they were given to
		return nil
	}
	return err
}

// logFlags are what is logged and how.
type logFlags struct {
	LogLevel  slog.Level `help:"Least level that is logged: debug, info, warn or error." default:"info"`
	LogFormat string     `help:"Form of the log: text or json." enum:"text,json" default:"text"`
}

func (f logFlags) logger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: f.LogLevel}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
