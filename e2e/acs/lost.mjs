// Between this program and the server the first answer to each kind of request
// gets lost, so the SDK repeats the request.
import assert from "node:assert/strict";
import { CALL, recordings, serverCall, tell } from "./sdk.mjs";

let requests = 0;
const recording = recordings({
  additionalPolicies: [{
    position: "perRetry",
    policy: { name: "count", sendRequest: (request, next) => (requests++, next(request)) },
  }],
});

// twice makes sure that an operation succeeds at its second try.
async function twice(operation) {
  requests = 0;
  const result = await operation();
  assert.equal(requests, 2);
  return result;
}

const { recordingId: id, recordingState } = await twice(() => recording.start({ callLocator: serverCall(CALL) }));
assert.equal(recordingState, "active");
await twice(() => recording.pause(id));
assert.equal((await twice(() => recording.getState(id))).recordingState, "inactive");
await twice(() => recording.resume(id));
assert.equal((await recording.getState(id)).recordingState, "active");
await twice(() => recording.stop(id));
tell({ recordingId: id });
