// What the programs share: the client, and how its errors are told apart.
import assert from "node:assert/strict";
import { CallAutomationClient } from "@azure/communication-call-automation";

export const { CONNECTION_STRING, TOKEN, CALL } = process.env;
export const endpoint = CONNECTION_STRING.match(/endpoint=([^;]+)/)[1];

// recordings makes a client, as its users do.
export function recordings(options, connection = CONNECTION_STRING) {
  return new CallAutomationClient(connection, options).getCallRecording();
}

// serverCall names a call.
export const serverCall = (id) => ({ kind: "serverCallLocator", id });

// look asks callreel's own API.
export async function look(path) {
  const answer = await fetch(new URL(path, endpoint), { headers: { Authorization: `Bearer ${TOKEN}` } });
  assert.equal(answer.status, 200, path);
  return answer.json();
}

// refused makes sure that an operation fails as the SDK's users are told.
export async function refused(operation, status, code) {
  const error = await failure(operation);
  assert.equal(error.name, "RestError", String(error));
  assert.deepEqual([error.statusCode, error.code], [status, code], error.message);
  assert.ok(error.message.length > 3 && !error.message.startsWith("{"), error.message);
  return error;
}

// contentRefused is refused for downloads and deletions, which throw plain objects.
export async function contentRefused(operation, status) {
  const error = await failure(operation);
  assert.equal(error.status, status, JSON.stringify(error));
  assert.equal(typeof error.message, "string");
  assert.deepEqual(Object.keys(error).sort(), ["message", "status"]);
}

export async function failure(operation) {
  try {
    await operation;
  } catch (error) {
    return error;
  }
  assert.fail("what should be refused was done");
}

export const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

// tell hands a result to the test that runs the program.
export const tell = (result) => console.log(JSON.stringify(result));
