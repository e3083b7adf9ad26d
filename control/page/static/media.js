// Camera, microphone and screen, and how they are sent.

/** What to capture, of the page's query. */
export function constraints(query) {
  const number = (name) => (query.has(name) ? { ideal: Number(query.get(name)) } : undefined);
  const video = { width: number("width") ?? { ideal: 1280 }, height: number("height") ?? { ideal: 720 }, frameRate: number("fps") ?? { ideal: 30 } };
  return {
    audio: query.get("audio") === "0" ? false : { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    video: query.get("video") === "0" ? false : video,
  };
}

/** Camera and microphone in one request, so that they start together. */
export async function capture(wanted) {
  if (!wanted.audio && !wanted.video) return new MediaStream();
  if (!navigator.mediaDevices) throw new Error("The browser gives camera and microphone only to pages over HTTPS.");
  return navigator.mediaDevices.getUserMedia(wanted);
}

/** A screen, a window or a tab, with its sound where the browser offers it. */
export function captureScreen() {
  return navigator.mediaDevices.getDisplayMedia({
    video: { width: { max: 1920 }, height: { max: 1080 }, frameRate: { max: 15 } },
    audio: true,
  });
}

const LAYERS = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", maxBitrate: 2_000_000 },
];

/**
 * Adds the tracks of a stream to a peer connection, to be sent only. The video is
 * sent in several sizes (simulcast), or in the layers of a scalability mode (svc),
 * such as L3T3_KEY of VP9 and AV1.
 */
export function send(pc, stream, { simulcast = false, codec = "", svc = "" } = {}) {
  for (const track of stream.getTracks()) {
    const scalable = svc ? [{ scalabilityMode: svc }] : undefined;
    const transceiver = pc.addTransceiver(track, {
      direction: "sendonly",
      streams: [stream],
      sendEncodings: track.kind === "video" ? (simulcast ? LAYERS : scalable) : undefined,
    });
    if (track.kind === "video" && codec) prefer(transceiver, codec);
  }
}

/** Offers one video codec alone, with what repairs it. */
function prefer(transceiver, codec) {
  const known = RTCRtpSender.getCapabilities("video").codecs;
  const wanted = known.filter((c) => c.mimeType.toLowerCase() === `video/${codec.toLowerCase()}`);
  const repair = known.filter((c) => /\/(rtx|red|ulpfec)$/i.test(c.mimeType));
  if (wanted.length === 0) throw new Error(`This browser can't send ${codec}.`);
  transceiver.setCodecPreferences([...wanted, ...repair]);
}

/** In words, why there is no camera, microphone or screen, or no call. */
export function explain(err) {
  if (err.status === 401 || err.status === 403) return "This link is not, or no longer, for this call.";
  switch (err.name) {
    case "NotAllowedError":
      return "The browser was not allowed to use it. Allow it in the address bar and try again.";
    case "NotFoundError":
      return "No camera or microphone was found.";
    case "NotReadableError":
      return "The camera or microphone is in use by another program.";
    default:
      return err.message;
  }
}
