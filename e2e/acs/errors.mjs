// What is refused, and how the SDK tells of it.
import assert from "node:assert/strict";
import { CALL, CONNECTION_STRING, contentRefused, failure, recordings, refused, serverCall, tell } from "./sdk.mjs";

let requests = 0;
const counting = {
  additionalPolicies: [{
    position: "perRetry",
    policy: { name: "count", sendRequest: (request, next) => (requests++, next(request)) },
  }],
};
const recording = recordings(counting);
const callLocator = serverCall(CALL);

// once makes sure that what can't succeed is not tried again.
async function once(operation, status, code) {
  requests = 0;
  await refused(operation(), status, code);
  assert.equal(requests, 1);
}

const { recordingId: id } = await recording.start({ callLocator });
await once(() => recording.start({ callLocator }), 400, "8553");
await once(() => recording.start({ callLocator: { kind: "groupCallLocator", id: CALL } }), 400, "8553");

for (const unknown of ["unknown", "rid=1/2", "..", "\u{1F600}"]) {
  await once(() => recording.getState(unknown), 404, "8522");
  await once(() => recording.pause(unknown), 404, "8522");
  await once(() => recording.resume(unknown), 404, "8522");
  await once(() => recording.stop(unknown), 404, "8522");
}

const elsewhere = serverCall(`${CALL}-elsewhere`);
for (const options of [
  {},
  { callLocator: serverCall("") },
  { callLocator: serverCall("a\nb") },
  { callLocator: elsewhere, callConnectionId: "both" },
  { callLocator: elsewhere, recordingStateCallbackEndpointUrl: "not a URL" },
  { callLocator: elsewhere, recordingStateCallbackEndpointUrl: "ftp://example.com" },
  { callLocator: elsewhere, recordingFormat: "avi" },
  { callLocator: elsewhere, recordingContent: "video" },
  { callLocator: elsewhere, recordingChannel: "stereo" },
]) {
  await once(() => recording.start(options), 400, "8523");
}

const container = "https://example.blob.core.windows.net/container";
for (const [options, code] of [
  [{ recordingFormat: "wav" }, "8557"],
  [{ recordingFormat: "mp3" }, "8557"],
  [{ recordingContent: "audio" }, "8562"],
  [{ recordingChannel: "unmixed" }, "8562"],
  [{ recordingStorage: { recordingStorageKind: "azureBlobStorage", recordingDestinationContainerUrl: container } }, "8562"],
]) {
  await once(() => recording.start({ callLocator: elsewhere, ...options }), 400, code);
}

const stranger = recordings(counting, CONNECTION_STRING.replace(/accesskey=.*/, `accesskey=${Buffer.alloc(64, 7).toString("base64")}`));
await once(() => stranger.start({ callLocator: elsewhere }), 401, "Denied");
await once(() => stranger.getState(id), 401, "Denied");
await once(() => stranger.stop(id), 401, "Denied");

await contentRefused(recording.downloadStreaming(process.env.CONTENT + "/v1/objects/0-unknown/content/video"), 404);
await contentRefused(recording.downloadStreaming(process.env.CONTENT + "/v1/objects/..%2F..%2Faccess-key/content/video"), 404);
await contentRefused(recording.delete(process.env.CONTENT + "/v1/objects/0-unknown"), 404);
await contentRefused(stranger.downloadStreaming(process.env.CONTENT + "/v1/objects/0-unknown/content/video"), 401);
await contentRefused(stranger.delete(process.env.CONTENT + "/v1/objects/0-unknown"), 401);

assert.equal((await recording.getState(id)).recordingState, "active");
await recording.stop(id);
tell({ ownHost: String((await failure(recording.downloadStreaming(process.env.OWN + "/v1/objects/0-unknown/content/video"))).message) });
