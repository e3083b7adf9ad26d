// The page of a call: lobby, own picture, controls and the state of the recording.

import { capture, captureScreen, constraints, explain, send } from "./media.js";
import { Publisher } from "./whip.js";

const POLL_MS = 2000;
const LEVELS = {
  active: "Recording",
  inactive: "Recording paused",
  none: "Not recording",
  unknown: "Recording state unknown",
};
const MESSAGES = {
  connecting: "Connecting…",
  connected: "You are in the call.",
  reconnecting: "The connection was lost. Reconnecting…",
  closed: "You have left the call.",
};

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const conversation = location.pathname.split("/")[2]; // stays percent-encoded
const token = query.get("token") ?? "";

/** What tests look at. */
const callreel = { joined: false, pc: null, screenPc: null, error: null, state: "lobby", recording: null, participants: null };
window.callreel = callreel;

let camera = null; // { stream, publisher }
let screen = null;
let run = null; // of the server

function participantID() {
  const given = query.get("participant");
  if (given) return given;
  const key = `callreel.participant.${conversation}`;
  let id = sessionStorage.getItem(key);
  if (!id) {
    id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem(key, id);
  }
  return id;
}

function whipURL(role) {
  const q = new URLSearchParams({ participant: participantID(), name: $("name").value.trim(), role });
  return `/whip/${conversation}?${q}`;
}

function say(text) {
  $("status").textContent = text;
}

function complain(err) {
  callreel.error = err ? String(err.message ?? err) : null;
  $("error").hidden = !err;
  $("error").textContent = err ? explain(err) : "";
}

function show() {
  const inCall = camera !== null;
  $("lobby").hidden = inCall;
  $("controls").hidden = !inCall;
  $("camera").srcObject = camera?.stream ?? null;
  $("screen").srcObject = screen?.stream ?? null;
  $("screen-tile").hidden = !screen;
  $("share").setAttribute("aria-pressed", String(Boolean(screen)));
  $("share").querySelector("span").textContent = screen ? "Stop sharing" : "Share screen";
  showToggle("mic", "audio", "Mute", "Unmute");
  showToggle("cam", "video", "Stop camera", "Start camera");
  const name = $("name").value.trim();
  $("own-name").textContent = inCall ? `${name || "You"}${name ? " (you)" : ""}` : "";
  $("initials").textContent = initials(name);
  const picture = camera?.stream.getVideoTracks()[0];
  $("camera-tile").classList.toggle("blank", !picture?.enabled);
}

function showToggle(id, kind, on, off) {
  const track = camera?.stream.getTracks().find((t) => t.kind === kind);
  $(id).disabled = !track;
  $(id).setAttribute("aria-pressed", String(Boolean(track?.enabled)));
  $(id).querySelector("span").textContent = track?.enabled ? on : off;
}

function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map((w) => [...(w ?? "")][0] ?? "").join("").toUpperCase() || "?";
}

function publisher(role, stream, options, onState) {
  return new Publisher({
    url: whipURL(role),
    token,
    addTracks: (pc) => {
      callreel[role === "screen" ? "screenPc" : "pc"] = pc;
      send(pc, stream, options);
    },
    onState,
  });
}

async function join() {
  $("join").disabled = true;
  complain(null);
  say("Waiting for camera and microphone…");
  let stream = null;
  try {
    stream = await capture(constraints(query));
    const options = { simulcast: query.get("simulcast") === "1", codec: query.get("codec") ?? "", svc: query.get("svc") ?? "" };
    camera = { stream, publisher: publisher("camera", stream, options, follow) };
    show();
    await camera.publisher.start();
  } catch (err) {
    camera?.publisher.close();
    stop(stream);
    say("");
    complain(err);
  } finally {
    $("join").disabled = false;
  }
}

function follow(state) {
  callreel.state = state;
  callreel.joined = state === "connected" || state === "reconnecting";
  say(MESSAGES[state]);
  if (state === "closed") {
    const err = camera?.publisher.error;
    stop(camera?.stream);
    stopSharing();
    camera = null;
    show();
    if (err) complain(err);
  }
}

async function share() {
  if (screen) return stopSharing();
  try {
    const stream = await captureScreen();
    const mine = { stream, publisher: null };
    mine.publisher = publisher("screen", stream, {}, (state) => {
      if (state === "closed" && screen === mine) stopSharing();
    });
    screen = mine;
    stream.getVideoTracks()[0].addEventListener("ended", () => screen === mine && stopSharing());
    show();
    await mine.publisher.start();
    complain(null);
  } catch (err) {
    stopSharing();
    if (err.name !== "NotAllowedError") complain(err); // else the picker was cancelled
  }
}

function stopSharing() {
  const was = screen;
  screen = null;
  callreel.screenPc = null;
  stop(was?.stream);
  was?.publisher.close();
  show();
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

function toggle(kind) {
  const track = camera?.stream.getTracks().find((t) => t.kind === kind);
  if (track) track.enabled = !track.enabled;
  show();
}

async function poll() {
  let state = { recording: "unknown" };
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const res = await fetch(`/call/${conversation}/state`, { headers, cache: "no-store" });
    if (res.ok) state = await res.json();
    if (state.run && run && state.run !== run) {
      // It is another process now, which ICE takes its time to notice.
      camera?.publisher.repair();
      screen?.publisher.repair();
    }
    run = state.run ?? run;
  } catch {
    // the server is away; the badge says so
  }
  callreel.recording = state.recording;
  callreel.participants = state.participants ?? null;
  const level = state.recording in LEVELS ? state.recording : "unknown";
  if ($("recording").dataset.state !== level) {
    $("recording").dataset.state = level;
    $("recording-text").textContent = LEVELS[level];
  }
  const n = state.participants;
  $("count").hidden = n === undefined;
  $("count").textContent = n === 1 ? "1 participant" : `${n} participants`;
  setTimeout(poll, POLL_MS);
}

function decode(s) {
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
}

$("title").textContent = document.title = `Call ${decode(conversation)}`;
$("name").value = query.get("name") ?? "";
$("lobby").addEventListener("submit", (e) => {
  e.preventDefault();
  join();
});
$("mic").addEventListener("click", () => toggle("audio"));
$("cam").addEventListener("click", () => toggle("video"));
$("share").addEventListener("click", share);
$("leave").addEventListener("click", () => camera?.publisher.close());
addEventListener("pagehide", () => {
  screen?.publisher.close();
  camera?.publisher.close();
});
if (!navigator.mediaDevices?.getDisplayMedia) $("share").hidden = true;
callreel.join = join;
callreel.leave = () => camera?.publisher.close();
callreel.share = share;
show();
poll();
if (query.get("autojoin") === "1") join();
