// A recording from its start to the deletion of its file.
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { CALL, contentRefused, failure, look, recordings, refused, serverCall, sleep, tell } from "./sdk.mjs";

const recording = recordings();

const started = await recording.start({ callLocator: serverCall(CALL) });
const id = started.recordingId;
assert.deepEqual(started, { recordingId: id, recordingState: "active", recordingKind: "azureCommunicationServices" });
assert.deepEqual(await recording.getState(id), started);
await sleep(3);

await recording.pause(id);
assert.equal((await recording.getState(id)).recordingState, "inactive");
await recording.pause(id);
await sleep(2);
await recording.resume(id);
await recording.resume(id);
assert.equal((await recording.getState(id)).recordingState, "active");
await sleep(3);

await recording.stop(id);
await refused(recording.getState(id), 404, "8522");
await refused(recording.pause(id), 404, "8522");
await recording.stop(id); // as if the first answer had been lost

const [chunk, ...others] = (await look(`/recordings/${id}`)).chunks;
assert.equal(others.length, 0);
const { contentLocation: content, metadataLocation, deleteLocation } = chunk;
assert.equal(new URL(content).origin, process.env.CONTENT);
await recording.downloadToPath(content, "video.mp4");
await recording.downloadToPath(metadataLocation, "metadata.json");
await recording.downloadToStream(content, createWriteStream("again.mp4"));
const file = await readFile("video.mp4");
assert.equal(file.length, chunk.bytes);
assert.ok(file.equals(await readFile("again.mp4")));

const part = async (options) => buffer(await recording.downloadStreaming(content, options));
assert.ok(file.equals(await part()));
assert.ok(file.equals(await part({ offset: 0 })));
assert.ok(file.subarray(1000).equals(await part({ offset: 1000 })));
assert.ok(file.subarray(1000, 1200).equals(await part({ offset: 1000, length: 200 })));
assert.ok(file.subarray(-10).equals(await part({ offset: file.length - 10, length: 500 })));
const beyond = await failure(recording.downloadStreaming(content, { offset: file.length + 1 }));

await recording.delete(deleteLocation);
await contentRefused(recording.downloadToPath(content, "gone.mp4"), 404);
await contentRefused(recording.downloadStreaming(metadataLocation), 404);
await contentRefused(recording.delete(deleteLocation), 404);

tell({ beyond });
