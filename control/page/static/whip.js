// A WHIP publisher (RFC 9725): one peer connection at a time, kept up by ICE
// restarts and, where these fail, by publishing anew with back-off.

const SDP = "application/sdp";
const FRAGMENT = "application/trickle-ice-sdpfrag";
const GATHER_MS = 1500; // a slow STUN server must not hold the offer up
const RESTART_MS = 8000; // for ICE to come back after a restart
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000];

const delay = (ms) => new Promise((done) => setTimeout(done, ms));

/** An answer that says that trying again is of no use. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Publisher {
  /**
   * @param {string} url       the WHIP endpoint
   * @param {string} token     bearer token; empty for none
   * @param {function(RTCPeerConnection)} addTracks  adds the transceivers
   * @param {function(string)} onState  told "connecting", "connected",
   *                                    "reconnecting" or "closed"
   */
  constructor({ url, token, addTracks, onState = () => {} }) {
    Object.assign(this, { url, token, addTracks, onState });
    this.pc = null;
    this.session = null; // its URL
    this.etag = null;
    this.closed = false;
    this.repairing = false;
  }

  /** Publishes; rejects with Refused, or with what kept the request from the server. */
  async start() {
    this.onState("connecting");
    try {
      await this.publish();
    } catch (err) {
      if (!this.closed) throw err;
    }
  }

  /** Ends the session. Safe while the page is being unloaded. */
  close() {
    if (this.closed) return;
    this.closed = true;
    this.hangUp();
    this.onState("closed");
  }

  hangUp() {
    if (this.session) {
      this.request("DELETE", this.session, { keepalive: true }).catch(() => {});
      this.session = null;
    }
    this.pc?.close();
    this.pc = null;
  }

  async request(method, url, { headers = {}, ...rest } = {}) {
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    return fetch(url, { method, headers, referrerPolicy: "no-referrer", ...rest });
  }

  async publish() {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: this.iceServers ?? [] });
    this.pc = pc;
    this.addTracks(pc);
    pc.addEventListener("connectionstatechange", () => this.follow(pc));
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    const res = await this.request("POST", this.url, {
      headers: { "Content-Type": SDP },
      body: pc.localDescription.sdp,
    });
    if (res.status !== 201) throw await failure(res);
    const session = new URL(res.headers.get("Location"), res.url).href;
    if (this.closed || this.pc !== pc) {
      this.request("DELETE", session, { keepalive: true }).catch(() => {});
      return;
    }
    this.session = session;
    this.etag = res.headers.get("ETag");
    this.iceServers = iceServers(res.headers.get("Link"));
    await pc.setRemoteDescription({ type: "answer", sdp: await res.text() });
  }

  follow(pc) {
    if (pc !== this.pc || this.closed) return;
    switch (pc.connectionState) {
      case "connected":
        this.onState("connected");
        break;
      case "disconnected":
      case "failed":
      case "closed":
        this.repair();
    }
  }

  /** Restarts ICE, and publishes anew for as long as that does not help. */
  async repair() {
    if (this.repairing || this.closed || !this.pc) return;
    this.repairing = true;
    this.onState("reconnecting");
    try {
      if (await this.restart().catch(() => false)) return;
      for (let attempt = 0; !this.closed; attempt++) {
        this.hangUp();
        try {
          await this.publish();
          if (await connected(this.pc, RESTART_MS)) return;
        } catch (err) {
          if (err instanceof Refused) throw err;
        }
        await delay(BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)] * (0.75 + Math.random() / 2));
      }
    } catch (err) {
      this.error = err;
      this.close();
    } finally {
      this.repairing = false;
      if (this.pc) this.follow(this.pc);
    }
  }

  /** Reports whether an ICE restart brought the connection back. */
  async restart() {
    const pc = this.pc;
    if (!pc || !this.session || pc.connectionState === "closed") return false;
    const answer = pc.remoteDescription.sdp;
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    await gathered(pc);
    const res = await this.request("PATCH", this.session, {
      headers: { "Content-Type": FRAGMENT, "If-Match": "*" },
      body: fragment(pc.localDescription.sdp),
    });
    if (res.status !== 200) return false;
    this.etag = res.headers.get("ETag");
    await pc.setRemoteDescription({ type: "answer", sdp: merge(answer, await res.text()) });
    return connected(pc, RESTART_MS);
  }
}

async function failure(res) {
  const body = await res.json().catch(() => ({}));
  const message = body.message ?? `the server answered with status ${res.status}`;
  const passing = res.status === 404 || res.status === 429 || res.status >= 500;
  return passing ? new Error(message) : new Refused(res.status, message);
}

/** Resolves when the peer connection has all its candidates, or enough time has passed. */
function gathered(pc) {
  return new Promise((done) => {
    const check = () => pc.iceGatheringState === "complete" && done();
    pc.addEventListener("icegatheringstatechange", check);
    setTimeout(done, GATHER_MS);
    check();
  });
}

function connected(pc, ms) {
  return new Promise((done) => {
    const check = () => pc?.connectionState === "connected" && done(true);
    pc?.addEventListener("connectionstatechange", check);
    setTimeout(() => done(pc?.connectionState === "connected"), ms);
    check();
  });
}

const lines = (sdp) => sdp.split(/\r?\n/).filter(Boolean);
const isICE = (line) => /^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates)\b/.test(line);

/** The SDP fragment (RFC 8840) of the first media section, which carries the bundle. */
function fragment(sdp) {
  const all = lines(sdp);
  const first = all.findIndex((l) => l.startsWith("m="));
  const next = all.findIndex((l, i) => i > first && l.startsWith("m="));
  const section = all.slice(first, next < 0 ? undefined : next);
  return [
    ...all.slice(0, first).filter((l) => l.startsWith("a=group:BUNDLE") || l.startsWith("a=ice-options")),
    section[0],
    ...section.filter((l) => l.startsWith("a=mid:") || isICE(l)),
    "",
  ].join("\r\n");
}

/** The answer with the ICE credentials and candidates of a fragment. */
function merge(answer, frag) {
  const ice = lines(frag).filter(isICE);
  const credentials = ice.filter((l) => l.startsWith("a=ice-"));
  const candidates = ice.filter((l) => !l.startsWith("a=ice-"));
  const out = [];
  let sections = 0;
  for (const line of lines(answer)) {
    if (isICE(line)) continue;
    out.push(line);
    if (!line.startsWith("a=mid:")) continue;
    out.push(...credentials);
    if (sections++ === 0) out.push(...candidates);
  }
  return out.join("\r\n") + "\r\n";
}

/** The servers of Link headers (RFC 9725, section 4.6). */
function iceServers(header) {
  const servers = [];
  for (const [, url, params] of (header ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+="(?:[^"\\]|\\.)*")*)/g)) {
    const get = (name) => params.match(new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`))?.[1].replace(/\\(.)/g, "$1");
    if (get("rel") !== "ice-server") continue;
    const server = { urls: url };
    if (get("username")) Object.assign(server, { username: get("username"), credential: get("credential") });
    servers.push(server);
  }
  return servers;
}
