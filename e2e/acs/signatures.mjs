// Requests that were changed after the SDK had signed them, or signed at another time.
import assert from "node:assert/strict";
import { mock } from "node:test";
import { CALL, recordings, refused, serverCall, tell } from "./sdk.mjs";

const callLocator = serverCall(CALL);

// changed is a client with somebody in between.
const changed = (change) => recordings({
  additionalPolicies: [{
    position: "perRetry",
    policy: { name: "change", sendRequest: (request, next) => (change(request), next(request)) },
  }],
});

const { recordingId: id } = await changed(() => {}).start({ callLocator });
for (const change of [
  (r) => { r.body = r.body.replace(CALL, `${CALL}-other`); },
  (r) => { r.body += " "; },
  (r) => { r.headers.set("x-ms-content-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="); },
]) {
  await refused(changed(change).start({ callLocator: serverCall(`${CALL}-more`) }), 401, "Denied");
}
for (const change of [
  (r) => { r.url = r.url.replace(id, `${id}?`); },
  (r) => { r.url = r.url.replace("api-version=", "api-version=2"); },
  (r) => { r.method = "DELETE"; },
  (r) => { r.headers.set("x-ms-date", new Date(Date.now() + 1000).toUTCString()); },
  (r) => { r.headers.delete("x-ms-date"); },
  (r) => { r.headers.delete("x-ms-content-sha256"); },
  (r) => { r.headers.delete("Authorization"); },
  (r) => { r.headers.set("Authorization", r.headers.get("Authorization").replace(/Signature=./, "Signature=!")); },
  (r) => { r.headers.set("Authorization", r.headers.get("Authorization").replace("host;", "")); },
]) {
  await refused(changed(change).getState(id), 401, "Denied");
}

// at signs as if it were another time.
async function at(minutes, operation) {
  mock.timers.enable({ apis: ["Date"], now: Date.now() + minutes * 60_000 });
  try {
    return await operation();
  } finally {
    mock.timers.reset();
  }
}
const recording = changed(() => {});
for (const minutes of [-16, 16, -24 * 60]) {
  await at(minutes, () => refused(recording.getState(id), 401, "Denied"));
}
for (const minutes of [-14, 14]) {
  assert.equal((await at(minutes, () => recording.getState(id))).recordingState, "active");
}
await recording.stop(id);
tell({});
