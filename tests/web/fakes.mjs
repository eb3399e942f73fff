// Fakes at the edges of the browser's modules: a socket without a network, and timers that run when told to.

export class FakeTimers {
  now = 1_000_000;
  #due = [];

  set = (work, ms) => {
    const timer = { work, at: this.now + ms };
    this.#due.push(timer);
    return timer;
  };

  clear = (timer) => {
    this.#due = this.#due.filter((other) => other !== timer);
  };

  /** Lets time pass, running what falls due in order. */
  pass(ms) {
    const until = this.now + ms;
    for (;;) {
      const next = this.#due.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.clear(next);
      this.now = Math.max(this.now, next.at);
      next.work();
    }
    this.now = until;
  }
}

/** Every socket that a module opens is kept in `opened`, in order. */
export function fakeSockets() {
  const opened = [];
  class FakeSocket {
    sent = [];
    closed = false;
    onopen = null;
    onmessage = null;
    onclose = null;

    constructor(url) {
      this.url = url;
      opened.push(this);
    }

    send(text) {
      this.sent.push(JSON.parse(text));
    }

    close() {
      this.closed = true;
    }

    tell(...frames) {
      for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) });
    }

    lose(code = 1006) {
      this.onclose?.({ code });
    }

    sentOf(type) {
      return this.sent.filter((frame) => frame.type === type);
    }
  }
  return { opened, FakeSocket, last: () => opened.at(-1) };
}

export const WELCOME = {
  ...{ type: "welcome", person_id: "anna", name: "Anna Alm", roles: ["attendee"], epoch: "e1" },
  server_time: new Date(1_000_000).toISOString(),
};

/** Lets everything that is already decided happen. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

/** A peer connection that connects when the test says so. */
export class FakePeerConnection {
  static all = [];
  connectionState = "new";
  onconnectionstatechange = null;
  /** The one that everything is bundled over. */
  transport = { state: "new", onstatechange: null };
  lines = [];

  constructor() {
    FakePeerConnection.all.push(this);
  }

  addTransceiver(kind, init) {
    const line = {
      ...{ kind, init, mid: null, preferred: [], receiver: { track: { kind }, transport: this.transport } },
      sender: {
        track: null,
        parameters: { encodings: (init.sendEncodings ?? []).map((encoding) => ({ ...encoding })) },
        replaceTrack: async (track) => void (line.sender.track = track),
        getParameters: () => structuredClone(line.sender.parameters),
        setParameters: async (parameters) => void (line.sender.parameters = parameters),
      },
      setCodecPreferences: (codecs) => void (line.preferred = codecs),
    };
    this.lines.push(line);
    return line;
  }

  getTransceivers() {
    return this.lines;
  }

  /** The server says goodbye (DTLS close_notify); the browser's connection state does not tell it. */
  end() {
    this.transport.state = "closed";
    this.transport.onstatechange?.();
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  signalingState = "stable";
  /** How often ICE was begun: credentials are numbered. */
  begun = 0;

  async createOffer({ iceRestart = false } = {}) {
    if (iceRestart || !this.begun) this.begun += 1;
    return { type: "offer", sdp: `v=0\r\na=ice-ufrag:page${this.begun}\r\na=ice-pwd:secret${this.begun}\r\nm=audio\r\n` };
  }

  async setLocalDescription(description) {
    this.lines.forEach((line, index) => (line.mid = String(index)));
    this.localDescription = description ?? (await this.createOffer());
    this.signalingState = "have-local-offer";
  }

  async setRemoteDescription(description) {
    this.remoteDescription = description;
    this.signalingState = "stable";
  }

  /** What has come so far, by stream: pictures decoded, or samples. */
  came = {};

  async getStats() {
    const report = ([id, amount]) => {
      const kind = id.startsWith("audio") ? "audio" : "video";
      return [id, { id, type: "inbound-rtp", kind, framesDecoded: amount, totalSamplesReceived: amount, concealedSamples: 0 }];
    };
    return new Map(Object.entries(this.came).map(report));
  }

  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  close() {
    this.connectionState = "closed";
  }
}

const ANSWER = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", ...["a", "b"].flatMap(() => ["m=x", "a=ice-ufrag:first", "a=ice-pwd:first-secret"]), ""];

/** The media endpoints: every offer and every restart is answered, unless `answer` or `restart` say otherwise. */
export function fakeServer() {
  const server = {
    offers: [],
    deleted: [],
    shown: [],
    told: [],
    restarts: [],
    answer: undefined,
    restart: undefined,
    fetch: async (url, { method, body, headers: { "content-type": type, "if-match": match } = {} }) => {
      if (method === "DELETE") {
        server.deleted.push(url);
        return new Response(null, { status: 200 });
      }
      if (method === "PATCH" && type === "application/trickle-ice-sdpfrag" && match === "*") {
        server.restarts.push([url, body]);
        const refusal = server.restart?.();
        if (refusal) return new Response(JSON.stringify(refusal.body), { status: refusal.status });
        return new Response(`a=ice-lite\r\na=ice-ufrag:new${server.restarts.length}\r\na=ice-pwd:new-secret\r\n`);
      }
      if (method === "PATCH") {
        server.told.push(JSON.parse(body));
        server.shown.push([url, server.told.at(-1).heights]);
        return new Response(null, { status: 204 });
      }
      server.offers.push({ url, body: JSON.parse(body) });
      const refusal = server.answer?.();
      if (refusal) return new Response(JSON.stringify(refusal.body), { status: refusal.status });
      const headers = { location: `${url}/peer${server.offers.length}` };
      return new Response(JSON.stringify({ sdp: ANSWER.join("\r\n") }), { status: 201, headers });
    },
  };
  return server;
}
