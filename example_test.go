package callreel_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log"
	"os"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"github.com/callreel/callreel"
	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/storage"
)

// A plain PeerConnection stands for the SFU: each track that it receives is
// handed to the recording.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "callreel")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	eng, err := callreel.New(callreel.Config{Storage: storage.Dir(dir), Spool: dir + "/spool"})
	if err != nil {
		log.Fatal(err)
	}
	rec, err := eng.Start(ctx, callreel.RecordingConfig{Conversation: "room-1"})
	if err != nil {
		log.Fatal(err)
	}
	sfu, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		log.Fatal(err)
	}
	var pumps sync.WaitGroup
	sfu.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		w, err := rec.AddTrack(callreel.TrackInfo{
			Participant: callreel.Participant{ID: "ann", Name: "Ann"},
			MimeType:    t.Codec().MimeType,
			RequestKeyFrame: func() {
				_ = sfu.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
			},
		})
		if err == nil {
			pumps.Go(func() { _ = ingest.Pump(ctx, w, t.ReadRTP) })
		}
	})

	hangUp := publish(sfu) // Ann calls, talks for two seconds, and hangs up
	res, err := rec.Stop(ctx)
	if err != nil {
		log.Fatal(err)
	}
	err = errors.Join(hangUp(), sfu.Close())
	pumps.Wait()
	if err := errors.Join(err, eng.Close(ctx)); err != nil {
		log.Fatal(err)
	}

	fmt.Println(res.State, "in", len(res.Chunks), "chunk")
	for _, p := range res.Participants {
		fmt.Println(p.ID, "is", p.Name)
	}
	for t := range res.Report.Tracks() {
		fmt.Println(t.MimeType, "decoded:", t.Decoded > 10, "errors:", t.DecodeErrors)
	}
	// Output:
	// completed in 1 chunk
	// ann is Ann
	// audio/opus decoded: true errors: 0
	// video/VP8 decoded: true errors: 0
}

// publish connects a second PeerConnection to the SFU and sends a grey picture
// and silence for two seconds.
func publish(sfu *webrtc.PeerConnection) (hangUp func() error) {
	ann, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		log.Fatal(err)
	}
	video, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "ann")
	if err != nil {
		log.Fatal(err)
	}
	audio, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "ann")
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range []webrtc.TrackLocal{video, audio} {
		if _, err := ann.AddTrack(t); err != nil {
			log.Fatal(err)
		}
	}
	connected := make(chan struct{})
	ann.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
	})
	negotiate(ann, sfu)
	<-connected
	if err := talk(video, audio, 2*time.Second); err != nil {
		log.Fatal(err)
	}
	return ann.Close
}

func negotiate(from, to *webrtc.PeerConnection) {
	offer, err := from.CreateOffer(nil)
	if err != nil {
		log.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(from)
	err = from.SetLocalDescription(offer)
	<-gathered
	if err := errors.Join(err, to.SetRemoteDescription(*from.LocalDescription())); err != nil {
		log.Fatal(err)
	}
	answer, err := to.CreateAnswer(nil)
	if err != nil {
		log.Fatal(err)
	}
	gathered = webrtc.GatheringCompletePromise(to)
	err = to.SetLocalDescription(answer)
	<-gathered
	if err := errors.Join(err, from.SetRemoteDescription(*to.LocalDescription())); err != nil {
		log.Fatal(err)
	}
}

func talk(video, audio *webrtc.TrackLocalStaticSample, d time.Duration) error {
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: "libvpx", Width: 640, Height: 360, FrameRate: 25, KeyInterval: 5, BitRate: 300_000,
		Options: map[string]string{"deadline": "realtime", "cpu-used": "8"},
	})
	if err != nil {
		return err
	}
	defer enc.Close()
	voice, err := codec.NewOpusEncoder(1, 32000, false)
	if err != nil {
		return err
	}
	picture := image.NewYCbCr(image.Rect(0, 0, 640, 360), image.YCbCrSubsampleRatio420)
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for n := range int64(d / (40 * time.Millisecond)) {
		packets, err := enc.Encode(picture, n, false)
		if err != nil {
			return err
		}
		for _, p := range packets {
			err = errors.Join(err, video.WriteSample(media.Sample{Data: p.Data, Duration: 40 * time.Millisecond}))
		}
		for range 2 {
			sound, e := voice.Encode(make([]int16, 960))
			err = errors.Join(err, e, audio.WriteSample(media.Sample{Data: sound, Duration: 20 * time.Millisecond}))
		}
		if err != nil {
			return err
		}
		<-tick.C
	}
	return nil
}
