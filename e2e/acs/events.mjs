// A recording as its users see it: events tell that there is a call, who is in it,
// what state the recording has, and in the end where its files are.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { EventGridDeserializer, isSystemEvent } from "@azure/eventgrid";
import { parseCallAutomationEvent } from "@azure/communication-call-automation";
import { CALL, TOKEN, contentRefused, endpoint, recordings, serverCall, sleep, tell } from "./sdk.mjs";
import { listen } from "./webhook.mjs";

const { CALLREEL, CONTENT, DATA } = process.env;
const communication = (type) => `Microsoft.Communication.${type}`;
const fileType = communication("RecordingFileStatusUpdated");
const signingKey = Buffer.alloc(32, 5);
const parser = new EventGridDeserializer();

// own asks callreel's own API.
async function own(method, path, body) {
  const answer = await fetch(new URL(path, endpoint), {
    method, headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  return { status: answer.status, ...await answer.json() };
}

const webhook = await listen();
const subscribe = (name, options) => own("PUT", `/subscriptions/${name}`, { endpoint: `${webhook.at}/${name}?secret=1`, ...options });

// Each schema has its handshake.
const grid = await subscribe("grid", { schema: "EventGridSchema", headers: { "X-Own": "mine" }, signingKey: signingKey.toString("base64") });
assert.deepEqual([grid.status, grid.state, grid.endpoint, grid.headers, grid.signed], [201, "Active", `${webhook.at}/grid`, ["X-Own"], true]);
const cloud = await subscribe("cloud", { schema: "CloudEventSchemaV1_0" });
assert.deepEqual([cloud.status, cloud.state], [201, "Active"]);
assert.ok(webhook.handshakes("/cloud").some((d) => d.method === "OPTIONS"));
const manual = await subscribe("manual", { schema: "EventGridSchema", eventTypes: [fileType] });
assert.equal(manual.state, "AwaitingValidation");
const [validation] = await parser.deserializeEventGridEvents(webhook.handshakes("/manual")[0].body);
assert.ok(isSystemEvent("Microsoft.EventGrid.SubscriptionValidationEvent", validation));
assert.equal((await fetch(validation.data.validationUrl)).status, 200);
assert.equal((await own("GET", "/subscriptions/manual")).state, "Active");
assert.equal((await subscribe("deaf", { schema: "CloudEventSchemaV1_0" })).status, 400);
assert.deepEqual((await own("GET", "/subscriptions")).subscriptions.map((s) => s.name).sort(), ["cloud", "grid", "manual"]);

// The call.
const guests = spawn(CALLREEL, [
  "simulate", "--to", new URL(endpoint).origin, "--data", DATA, "--call", CALL, "--participants", "2", "--codec", "vp8", "--fps", "15", "--for", "10s",
], { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, SSL_CERT_FILE: process.env.NODE_EXTRA_CA_CERTS } });
const left = once(guests, "exit");

// gridEvents waits for so many events of a type, in the schema of Event Grid.
const gridEvents = async (type, count) => {
  const deliveries = await webhook.until("/grid", `${count} ${type}`, (all) => {
    const these = all.filter((d) => JSON.parse(d.body)[0].eventType === communication(type));
    return these.length >= count && these;
  });
  return Promise.all(deliveries.map(async (d) => (await parser.deserializeEventGridEvents(d.body))[0]));
};
const added = await gridEvents("CallParticipantAdded", 2);
for (const event of added) {
  assert.ok(isSystemEvent(communication("CallParticipantAdded"), event));
  assert.ok(event.data.serverCallId && event.data.correlationId && event.data.participantId && event.data.displayName);
}
assert.equal(new Set(added.map((event) => event.data.displayName)).size, 2);
assert.equal((await gridEvents("CallStarted", 1))[0].data.serverCallId, added[0].data.serverCallId);
await sleep(1);

// The recording.
const recording = recordings();
const { recordingId: id } = await recording.start({
  callLocator: serverCall(CALL), recordingStateCallbackEndpointUrl: `${webhook.at}/state?secret=2`,
});
await sleep(2);
await recording.pause(id);
await sleep(2);
await recording.resume(id);
await sleep(2);
await recording.stop(id);

// Each change of its state comes by itself.
await webhook.until("/state", "the end of the recording", (all) => all.length >= 4);
const states = webhook.all("/state").map((delivery) => {
  assert.equal(JSON.parse(delivery.body).length, 1);
  const event = parseCallAutomationEvent(JSON.parse(delivery.body)[0]);
  assert.deepEqual(parseCallAutomationEvent(delivery.body), event);
  assert.equal(event.kind, "RecordingStateChanged");
  assert.equal(event.recordingId, id);
  assert.ok(event.serverCallId && event.correlationId && event.startDateTime);
  assert.equal(delivery.query, "secret=2");
  return event.state;
});
assert.deepEqual([...states].sort(), ["active", "active", "inactive", "inactive"]);

// Where the files are, in both schemas.
const [file] = await gridEvents("RecordingFileStatusUpdated", 1);
const { recordingStorageInfo, ...data } = file.data;
assert.ok(isSystemEvent(fileType, file));
assert.ok(file.subject.endsWith(`/recordingId/${id}`), file.subject);
assert.deepEqual([data.recordingContentType, data.recordingChannelType, data.recordingFormatType], ["AudioVideo", "Mixed", "Mp4"]);
assert.ok(data.recordingDurationMs > 3500 && data.recordingDurationMs < 5500, `${data.recordingDurationMs} ms`);
assert.ok(Math.abs(Date.parse(data.recordingStartTime) - Date.now()) < 60_000 && data.sessionEndReason);
const [chunk, ...more] = recordingStorageInfo.recordingChunks;
assert.ok(more.length === 0 && chunk.index === 0 && chunk.endReason && chunk.documentId);
const cloudDelivery = await webhook.until("/cloud", "the file", (all) => all.find((d) => JSON.parse(d.body).type === fileType));
const [cloudFile] = await parser.deserializeCloudEvents(cloudDelivery.body);
assert.ok(isSystemEvent(fileType, cloudFile));
assert.deepEqual([cloudFile.subject, cloudFile.source, cloudFile.data], [file.subject, file.topic, file.data]);
await webhook.until("/manual", "the file", (all) => all.length >= 1);
assert.ok(webhook.all("/manual").every((d) => JSON.parse(d.body)[0].eventType === fileType));

// Deliveries carry the headers of Event Grid, our own, and a signature.
const delivery = webhook.all("/grid").find((d) => JSON.parse(d.body)[0].id === file.id);
const { headers } = delivery;
assert.equal(headers["content-type"], "application/json; charset=utf-8");
assert.equal(cloudDelivery.headers["content-type"], "application/cloudevents+json; charset=utf-8");
assert.equal(headers["aeg-event-type"], "Notification");
assert.equal(headers["aeg-subscription-name"].toLowerCase(), "grid");
assert.deepEqual([headers["aeg-delivery-count"], headers["aeg-metadata-version"], headers["x-own"], delivery.query], ["0", "1", "mine", "secret=1"]);
const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${delivery.body}`;
assert.ok(headers["webhook-signature"].split(" ").includes(`v1,${createHmac("sha256", signingKey).update(signed).digest("base64")}`));
assert.ok(Math.abs(headers["webhook-timestamp"] - Date.now() / 1000) < 120);

// The locations in the event are all that is needed.
for (const location of [chunk.contentLocation, chunk.metadataLocation, chunk.deleteLocation]) {
  assert.equal(new URL(location).origin, new URL(CONTENT).origin);
}
await recording.downloadToPath(chunk.contentLocation, "video.mp4");
await recording.downloadToPath(chunk.metadataLocation, "metadata.json");
await recording.delete(chunk.deleteLocation);
await contentRefused(recording.downloadStreaming(chunk.contentLocation), 404);

// The end of the call.
assert.deepEqual(await left, [0, null]);
await gridEvents("CallParticipantRemoved", 2);
const [ended] = await gridEvents("CallEnded", 1);
assert.equal(ended.data.serverCallId, added[0].data.serverCallId);
assert.ok(ended.data.callDurationInSeconds > 5);

// What was published is kept, and comes again with the same ID if it is asked for.
const log = await own("GET", `/events?type=${fileType}`);
assert.deepEqual(log.events.map((e) => e.event.id), [cloudFile.id]);
assert.deepEqual(await own("POST", "/subscriptions/cloud/replay", { ids: [cloudFile.id] }), { status: 200, replayed: 1 });
await webhook.until("/cloud", "the file once more", (all) => all.filter((d) => JSON.parse(d.body).id === cloudFile.id).length >= 2);
for (const name of ["cloud", "grid", "manual"]) {
  assert.equal((await own("DELETE", `/subscriptions/${name}`)).status, 200);
}
assert.equal((await own("GET", "/subscriptions/grid")).status, 404);
webhook.close();
tell({ durationMs: data.recordingDurationMs });
