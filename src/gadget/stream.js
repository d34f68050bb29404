// The agent's stream of events (SSE), read with fetch: unlike EventSource it can send the key in a header, so that no
// secret is in an address, and it sees the server's heartbeats, which are comments.

/**
 * How long nothing may come until the server has said how often it beats; afterwards it is twice that time and some slack. A
 * connection whose other end has gone to another machine goes silent, and nothing else tells.
 */
const [SILENCE, SLACK] = [6000, 500];
/** What a server that does not say so may have for a heartbeat. */
const BEAT_MAX = 10000;
const [FIRST_WAIT, LONGEST_WAIT] = [500, 5000];

/** Takes chunks of text and calls `emit` with the data of each event. */
export function parser(emit) {
  let rest = '';
  let data = [];
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines.map((line) => line.replace(/\r$/, ''))) {
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      else if (line === '' && data.length) {
        emit(data.join('\n'));
        data = [];
      }
    }
  };
}

/** How long to wait before attempt `nth` (from 0), so that a thousand desktops do not come back at once. */
export const wait = (nth, random = Math.random()) => Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(nth, 10)) * (0.5 + random / 2);

/**
 * Keeps the stream of `wire`'s agent: `take(message)`, `turn('live'|'lost'|'refused')`. It goes on from the last id, and
 * believes no server whose `epoch` is below one that was seen.
 */
export class Stream {
  constructor(wire, take, turn, epoch = 0) {
    Object.assign(this, { wire, take, turn, epoch, last: null, left: 0, attempts: 0, silence: SILENCE, heardAt: 0 });
    this.online = () => this.again();
    globalThis.addEventListener?.('online', this.online);
  }

  /** Comes back at once: the network is another one. */
  again() {
    this.attempts = 0;
    this.hurries = true;
    this.abort?.abort();
    this.wake?.();
  }

  /** Somebody looks at the page, which may have slept: comes back at once where a heartbeat is overdue. */
  look() {
    if (this.wake || Date.now() - this.heardAt > this.silence / 2) this.again();
  }

  async run() {
    while (!this.ended) {
      let status;
      try { status = await this.once(); } catch { /* lost */ }
      if (this.ended) return;
      // Whoever is refused is not asked again until there is another key.
      const isRefused = status === 401 || status === 403;
      this.turn(isRefused ? 'refused' : 'lost');
      if (isRefused) return;
      if (!this.hurries) {
        await new Promise((done) => {
          this.wake = done;
          setTimeout(done, wait(this.attempts));
        });
        this.wake = null;
      }
      this.hurries = false;
      this.attempts += 1;
    }
  }

  end() {
    this.ended = true;
    globalThis.removeEventListener?.('online', this.online);
    this.abort?.abort();
    this.wake?.();
  }

  /** One connection, to its end; gives the status where it is none of success. */
  async once() {
    const abort = this.abort = new AbortController();
    let silence;
    const heard = () => {
      clearTimeout(silence);
      this.heardAt = Date.now();
      silence = setTimeout(() => abort.abort(), this.silence);
    };
    heard();
    try {
      const address = this.wire.address('/events');
      if (this.last !== null) address.searchParams.set('last_event_id', this.last);
      if (this.wire.tab) address.searchParams.set('tab', this.wire.tab);
      const response = await fetch(address, { headers: this.wire.headers(), signal: abort.signal, cache: 'no-store', redirect: 'error' });
      if (!response.ok) return response.status;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parse = parser((data) => this.event(JSON.parse(data)));
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return 0;
        parse(value);
        heard();
      }
    } finally {
      clearTimeout(silence);
      abort.abort();
    }
  }

  event(message) {
    if (message.epoch < this.epoch) throw new Error(`expected the term ${this.epoch} or a later one, found ${message.epoch}`);
    this.epoch = message.epoch ?? this.epoch;
    if (message.type === 'hello') {
      this.attempts = 0;
      this.left = message.reset ? message.pops : 0;
      if (message.reset) this.last = this.left ? null : message.id;
      this.silence = 2 * (message.heartbeat_ms ?? BEAT_MAX) + SLACK;
      this.turn('live');
    }
    this.take(message);
    if (message.type === 'hello' || message.id === undefined) return;
    // After it was dealt with: what failed half-way comes again. Whoever has a part of the present pops has to be told all.
    this.left = Math.max(0, this.left - 1);
    if (!this.left) this.last = Math.max(this.last ?? 0, message.id);
  }
}

/** One stream at a time: with a new beginning, as by another key, whatever earlier ones are still told says nothing any more. */
export class Streams {
  #nth = 0;

  /** Tells, asked at any later time, whether there has been no other beginning since. */
  present() {
    const nth = this.#nth;
    return () => nth === this.#nth;
  }

  /** Ends the stream that there is. Runs the one that `open(isPresent)` gives once `settle(isPresent)` has said that there is to be one. */
  async begin(settle, open) {
    this.#nth += 1;
    const isPresent = this.present();
    this.stream?.end();
    this.stream = null;
    if (!await settle(isPresent) || !isPresent()) return;
    this.stream = open(isPresent);
    this.stream.run();
  }
}
