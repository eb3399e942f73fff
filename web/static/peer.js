/**
 * One media connection: one offer with everything sent and a fixed number of receive slots, one answer, no renegotiation; on
 * another network the same connection by another way (ICE restart).
 * The server is ICE-lite and its answer carries all candidates, so nothing is trickled. Neighbours: `media.js`, which keeps
 * one of these alive; `live/control.py`, which names the uses.
 */

/** @typedef {"microphone" | "camera" | "screen" | "audio" | "video" | "screen_slot"} Use */
/** @typedef {import("./capture.js").Tracks} Tracks */
/**
 * @typedef {{publish: boolean, video: boolean, isVoice?: boolean, isCircle?: boolean}} Wish what to send and receive; without `video` it is
 *   sound alone; `isVoice`: the microphone alone is sent; `isCircle`: of a breakout room, in which up to twelve see one another
 */

/** @type {RTCConfiguration} */
const CONFIGURATION = { bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" };
/** How many there are of each; in a circle one for everybody's picture (`live/control.py`). */
const SLOTS = { audio: 3, video: 4, screen_slot: 1 };
const CIRCLE_SLOTS = { ...SLOTS, video: 12 };
/** The camera in three sizes (RFC 8853), so that each viewer gets what their tile and network take; smallest first, as browsers want it. */
const CAMERA = [
  { rid: "l", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "m", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "h", scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];
const SCREEN_BITS = 2_500_000;
const ANSWER_MS = 8_000;
/** A restart is asked for where the network may be away: it is asked for again soon rather than waited for long. */
const RESTART_MS = 4_000;

/** What the server says no with. */
export class MediaRefusal extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class Peer {
  /** Received tracks by slot: `audio0`…, `video0`…, `screen0`. @type {Map<string, MediaStreamTrack>} */
  slots = new Map();
  /** The video codecs that all its picture slots can show; null until the server has said. @type {string[] | null} */
  decodes = null;
  connection = new RTCPeerConnection(CONFIGURATION);
  /** @type {Map<"microphone" | "camera" | "screen", RTCRtpSender>} */
  #senders = new Map();
  /** @type {[RTCRtpTransceiver, Use][]} */
  #lines = [];
  #location = "";
  /** The server's answer, as it was last applied. */
  #answer = "";
  #closed = false;
  /** What the others were told. @type {boolean | undefined} */
  #isMuted;

  #relays;

  /** @param {string} url @param {Wish} wish @param {import("./relays.js").Relays} [relays] */
  constructor(url, wish, relays = async () => []) {
    this.url = url;
    this.wish = wish;
    this.#relays = relays;
    const slots = wish.isCircle ? CIRCLE_SLOTS : SLOTS;
    if (wish.publish) this.#addSenders();
    this.#addSlots("audio", "audio", slots.audio);
    if (wish.video) {
      this.#addSlots("video", "video", slots.video);
      this.#addSlots("screen_slot", "screen", slots.screen_slot);
    }
  }

  /** Offers and takes the answer. The caller waits for `connectionState`. Raises `MediaRefusal`, or what `fetch` raises. */
  async negotiate() {
    await this.#useRelays();
    await this.connection.setLocalDescription();
    const uses = Object.fromEntries(this.#lines.map(([{ mid }, use]) => [mid, use]));
    const response = await fetch(this.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sdp: this.connection.localDescription?.sdp, uses }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!response.ok) throw await refusalOf(response);
    this.#location = response.headers.get("location") ?? "";
    const { sdp, decodes } = await response.json();
    this.#answer = sdp;
    this.decodes = decodes ?? null;
    if (this.#closed) return void this.#leave(); // given up meanwhile
    await this.connection.setRemoteDescription({ type: "answer", sdp: this.#answer });
  }

  /**
   * Restarts ICE: keys, slots, and whoever watches know nothing of it. Only credentials go to and fro (RFC 9725, 4.3.3): a few octets
   * on a network that is just coming back, and nothing else can change. So the answer that the browser wants is the one it has, with
   * the server's new credentials. What was not answered is asked again as it was. Raises as `negotiate`.
   */
  async restart() {
    const { connection } = this;
    await this.#useRelays(); // with credentials that are still good
    if (connection.signalingState === "stable") await connection.setLocalDescription(await connection.createOffer({ iceRestart: true }));
    const response = await fetch(this.#location, {
      method: "PATCH",
      headers: { "content-type": "application/trickle-ice-sdpfrag", "if-match": "*" },
      body: credentialsOf(connection.localDescription?.sdp ?? ""),
      signal: AbortSignal.timeout(RESTART_MS),
    });
    if (!response.ok) throw await refusalOf(response);
    const sdp = renewed(this.#answer, await response.text());
    if (this.#closed || connection.signalingState === "stable") return; // given up, or answered, meanwhile
    await connection.setRemoteDescription({ type: "answer", sdp });
    this.#answer = sdp;
  }

  /** The server's name for it, "" before it has one. */
  get id() {
    return this.#location.split("/").at(-1) ?? "";
  }

  /** Sends these tracks from now on. @param {Tracks} tracks */
  async send(tracks) {
    const { isVoice } = this.wish;
    await Promise.all([...this.#senders].map(([use, sender]) => sender.replaceTrack(isVoice && use !== "microphone" ? null : tracks[use])));
  }

  /** Whether the camera goes out in full size too: not where everybody is shown small. @param {boolean} isWanted */
  async sendLarge(isWanted) {
    const sender = this.#senders.get("camera");
    const parameters = sender?.getParameters();
    const largest = parameters?.encodings?.at(-1);
    if (!sender || !parameters || !largest || largest.rid !== "h" || (largest.active ?? true) === isWanted) return;
    largest.active = isWanted;
    await sender.setParameters(parameters).catch(() => undefined); // a connection that is going: the next one is told anew
  }

  /** Tells the server how large each picture slot is shown, in device pixels of height. @param {Record<string, number>} heights */
  async show(heights) {
    await this.#tell({ heights });
  }

  /** Tells the others in a breakout room whether one can be heard. @param {boolean} isMuted */
  async mute(isMuted) {
    if (!this.#location || isMuted === this.#isMuted) return;
    this.#isMuted = isMuted;
    await this.#tell({ heights: {}, muted: isMuted });
  }

  /** Says all of that again, to a server that may be another process and know nothing of it. @param {Record<string, number>} heights */
  async remind(heights) {
    if (this.#isMuted !== undefined) await this.#tell({ heights, muted: this.#isMuted });
    else if (Object.keys(heights).length) await this.#tell({ heights });
  }

  /** @param {{heights: Record<string, number>, muted?: boolean}} view */
  async #tell(view) {
    if (!this.#location) return;
    await fetch(this.#location, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(view),
    }).catch(() => undefined); // a network that is away: the next connection tells it anew
  }

  /** Ends the connection and tells the server, also while the page is going away. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.connection.onconnectionstatechange = null;
    void this.#leave();
  }

  /** The server no longer knows this connection: there is nothing to tell it. */
  forget() {
    this.#location = "";
  }

  /** The server is told first: it would not know the seat any more once the connection has said goodbye. */
  async #leave() {
    const location = this.#location;
    this.#location = "";
    if (location) await fetch(location, { method: "DELETE", keepalive: true }).catch(() => undefined); // consent expires anyway
    this.connection.close();
  }

  async #useRelays() {
    const iceServers = await this.#relays();
    if (iceServers.length && !this.#closed) this.connection.setConfiguration({ ...CONFIGURATION, iceServers });
  }

  #addSenders() {
    this.#senders.set("microphone", this.#addLine("audio", "microphone", { direction: "sendonly" }).sender);
    const pictures = /** @type {const} */ ([["camera", CAMERA], ["screen", [{ maxBitrate: SCREEN_BITS }]]]);
    for (const [use, sendEncodings] of pictures) {
      const line = this.#addLine("video", use, { direction: "sendonly", sendEncodings: [...sendEncodings] });
      this.#senders.set(use, line.sender);
    }
  }

  /** @param {"audio" | "video" | "screen_slot"} use @param {string} prefix @param {number} count */
  #addSlots(use, prefix, count) {
    for (let index = 0; index < count; index += 1) {
      const line = this.#addLine(use === "audio" ? "audio" : "video", use, { direction: "recvonly" });
      this.slots.set(`${prefix}${index}`, line.receiver.track);
    }
  }

  /** @param {"audio" | "video"} kind @param {Use} use @param {RTCRtpTransceiverInit} init */
  #addLine(kind, use, init) {
    const line = this.connection.addTransceiver(kind, init);
    if (kind === "video") preferH264(line, Boolean(this.wish.isCircle));
    this.#lines.push([line, use]);
    return line;
  }
}

const CREDENTIALS = ["ice-ufrag", "ice-pwd"];

/** The first of every m-line's, which are all the same, as a fragment (RFC 8840, 9). @param {string} sdp */
function credentialsOf(sdp) {
  return CREDENTIALS.map((name) => `a=${name}:${valueOf(name, sdp)}\r\n`).join("");
}

/** An answer with the credentials of a fragment, as its next version (RFC 3264, 8). @param {string} answer @param {string} fragment */
export function renewed(answer, fragment) {
  const next = answer.replace(/^(o=\S+ \S+ )(\d+)/m, (_, origin, version) => `${origin}${Number(version) + 1}`);
  return CREDENTIALS.reduce((sdp, name) => sdp.replace(new RegExp(`^a=${name}:.*$`, "gm"), `a=${name}:${valueOf(name, fragment)}`), next);
}

/** @param {string} name @param {string} sdp */
function valueOf(name, sdp) {
  return sdp.match(new RegExp(`^a=${name}:(\\S+)`, "m"))?.[1] ?? "";
}

/**
 * The stage is streamed and recorded without transcoding when it is H.264; whatever else the browser has stays on offer. Not in a
 * circle, whose many lines would make an offer larger than the server takes: there it is what every browser has.
 * @param {RTCRtpTransceiver} line @param {boolean} isBrief
 */
function preferH264(line, isBrief) {
  const all = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const codecs = isBrief ? all.filter(isEverywhere) : [...all];
  codecs.sort((a, b) => rank(a) - rank(b));
  try {
    line.setCodecPreferences(codecs);
  } catch {
    // an older browser, or one that sends other codecs than it receives: its own order will do
  }
}

/** @param {RTCRtpCodec} codec */
function isEverywhere(codec) {
  return rank(codec) === 0 || ["video/vp8", "video/rtx"].includes(codec.mimeType.toLowerCase());
}

/** @param {RTCRtpCodec} codec constrained baseline with packetization mode 1 first (RFC 6184, 8.1) */
function rank({ mimeType, sdpFmtpLine = "" }) {
  if (mimeType.toLowerCase() !== "video/h264") return 3;
  if (!sdpFmtpLine.includes("packetization-mode=1")) return 2;
  return sdpFmtpLine.includes("profile-level-id=42e0") ? 0 : 1;
}

/** @param {Response} response */
async function refusalOf(response) {
  /** @type {{code?: string, message?: string}} */
  const body = await response.json().catch(() => ({})); // a proxy's error page
  return new MediaRefusal(response.status, body.code ?? "media_unavailable", body.message ?? "");
}
