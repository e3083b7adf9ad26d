package e2e

import (
	"encoding/json"
	"fmt"

	"github.com/chromedp/chromedp"
)

// publication says what a tab publishes, where the page's own ways are too few.
// It goes through the page's publisher all the same.
type publication struct {
	Call        string           `json:"call"`
	Participant string           `json:"participant"`
	Codec       string           `json:"codec"` // as in video/VP8
	Encodings   []map[string]any `json:"encodings"`
	// Stream is JavaScript that makes the media stream.
	Stream string `json:"-"`
}

// camera is a Stream of camera and microphone as they are.
func cameraStream(width, height, fps int) string {
	return fmt.Sprintf(`navigator.mediaDevices.getUserMedia({
  video: { width: %d, height: %d, frameRate: %d },
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
})`, width, height, fps)
}

// publishing leaves the publisher in window.published, by participant.
const publishing = `(async (wanted, stream) => {
  const { Publisher } = await import("/call/assets/whip.js");
  const of = (c) => c.mimeType.toLowerCase() === "video/" + wanted.codec;
  const codecs = RTCRtpSender.getCapabilities("video").codecs;
  const addTracks = (pc) => {
    for (const track of stream.getAudioTracks()) pc.addTransceiver(track, { direction: "sendonly", streams: [stream] });
    for (const track of stream.getVideoTracks()) {
      const video = pc.addTransceiver(track, { direction: "sendonly", streams: [stream], sendEncodings: wanted.encodings });
      video.setCodecPreferences([...codecs.filter(of), ...codecs.filter((c) => c.mimeType === "video/rtx")]);
    }
  };
  const url = "/whip/" + wanted.call + "?participant=" + wanted.participant + "&name=" + wanted.participant;
  const publisher = new Publisher({ url, token: "", addTracks });
  (window.published ??= {})[wanted.participant] = publisher;
  await publisher.start();
})`

// visit opens the page of a call, from which tabs publish.
func (b tab) visit(s *server, call string) {
	b.t.Helper()
	b.do(chromedp.Navigate(s.url + "/call/" + call))
}

// publish publishes until the tab leaves the page, and returns once connected.
func (b tab) publish(p publication) {
	b.t.Helper()
	wanted, err := json.Marshal(p)
	must(b.t, err)
	b.do(
		chromedp.Evaluate[chromedp.Void](fmt.Sprintf("(async () => %s(%s, await %s))()", publishing, wanted, p.Stream), chromedp.EvalAwaitPromise),
		until(fmt.Sprintf("published[%q].pc?.connectionState === 'connected'", p.Participant)),
	)
}

// unpublish ends what publish began.
func (b tab) unpublish() {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void]("Object.values(published).forEach((p) => p.close())"))
}

// sends waits until all that is published is sent in its full width: each
// encoding for so many frames, after which bandwidth is no matter any more.
func (b tab) sends(width, frames int) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`window.sending = async (width, frames) => {
  const all = await Promise.all(Object.values(published).map(async ({ pc }) =>
    [...(await pc.getStats()).values()].filter((s) => s.type === "outbound-rtp" && s.kind === "video")));
  window.sent = all.flat().map((s) => [s.rid, s.frameWidth, s.framesEncoded, s.scalabilityMode].join(" ")).join(", ");
  return all.every((stats) => stats.every((s) => s.framesEncoded >= frames) && Math.max(...stats.map((s) => s.frameWidth ?? 0)) === width);
}`), until(fmt.Sprintf("sending(%d, %d)", width, frames)))
}

// value returns a JavaScript value as JSON.
func (b tab) value(js string) string {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[json.RawMessage](js))
	must(b.t, err)
	return string(v)
}
