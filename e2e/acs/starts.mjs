// The ways to name a call, and recordings that begin paused.
import assert from "node:assert/strict";
import { CALL, look, recordings, refused, sleep, tell } from "./sdk.mjs";

const recording = recordings();
const recordingStateCallbackEndpointUrl = "https://127.0.0.1:1/callback?secret=1";

const url = `https://conv.example.com:443/conv/${CALL}?i=0&e=\u{fc}`;
const base64 = Buffer.from(url).toString("base64");
for (const [locator, conversation] of [
  [{ callLocator: { kind: "serverCallLocator", id: `${CALL} server/call` } }, `${CALL} server/call`],
  [{ callLocator: { kind: "serverCallLocator", id: base64 } }, url],
  [{ callLocator: { kind: "groupCallLocator", id: `${CALL}-group` } }, `${CALL}-group`],
  [{ callLocator: { kind: "roomCallLocator", id: `${CALL}-room` } }, `${CALL}-room`],
  [{ callConnectionId: `${CALL}-connection` }, `${CALL}-connection`],
]) {
  const { recordingId: id } = await recording.start({ ...locator, recordingStateCallbackEndpointUrl });
  const details = await look(`/recordings/${id}`);
  assert.equal(details.conversationId, conversation);
  assert.equal(details.recordingStateCallbackUri, "https://127.0.0.1:1/callback");
  await recording.stop(id);
}

const callLocator = { kind: "serverCallLocator", id: `${CALL}-paused` };
const never = await recording.start({ callLocator, pauseOnStart: true });
assert.equal(never.recordingState, "inactive");
await sleep(1);
await recording.stop(never.recordingId);
assert.deepEqual((await look(`/recordings/${never.recordingId}`)).chunks, []);

const later = await recording.start({
  callLocator, pauseOnStart: true, recordingContent: "audioVideo", recordingChannel: "mixed", recordingFormat: "mp4",
  recordingStorage: { recordingStorageKind: "azureCommunicationServices" },
});
assert.notEqual(later.recordingId, never.recordingId);
assert.equal((await recording.getState(later.recordingId)).recordingState, "inactive");
await sleep(1);
await recording.resume(later.recordingId);
assert.equal((await recording.getState(later.recordingId)).recordingState, "active");
await sleep(1);
await recording.stop(later.recordingId);
await refused(recording.getState(later.recordingId), 404, "8522");
const { chunks, durationMs } = await look(`/recordings/${later.recordingId}`);
assert.equal(chunks.length, 1);
assert.ok(durationMs >= 900 && durationMs < 1900, `${durationMs} ms`);
tell({});
