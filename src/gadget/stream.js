// The agent's stream of events (SSE), read with fetch: unlike EventSource it can send the key in a header, so that no
// secret is in an address, and it sees the server's heartbeats, which are comments.

/** How long nothing may come, milliseconds. The server's heartbeats are 10 s apart at the most. */
const SILENCE = 25000;
const [FIRST_WAIT, LONGEST_WAIT] = [500, 15000];

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

/** Keeps the stream of `wire`'s agent: `take(message)`, `turn('live'|'lost'|'refused')`. It goes on from the last id. */
export class Stream {
  constructor(wire, take, turn) {
    Object.assign(this, { wire, take, turn, last: null, attempts: 0 });
    this.online = () => this.wake?.();
    addEventListener('online', this.online);
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
      await new Promise((done) => {
        this.wake = done;
        setTimeout(done, wait(this.attempts));
      });
      this.attempts += 1;
    }
  }

  end() {
    this.ended = true;
    removeEventListener('online', this.online);
    this.abort?.abort();
    this.wake?.();
  }

  /** One connection, to its end; gives the status where it is none of success. */
  async once() {
    const abort = this.abort = new AbortController();
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE);
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
        heard();
        parse(value);
      }
    } finally {
      clearTimeout(silence);
      abort.abort();
    }
  }

  event(message) {
    if (message.type === 'hello') {
      this.attempts = 0;
      if (message.reset) this.last = null;
      this.turn('live');
    }
    this.take(message);
    // After it was dealt with: what failed half-way comes again. A hello tells the newest id ahead of what led to it.
    if (message.type !== 'hello' && message.id !== undefined) this.last = Math.max(this.last ?? 0, message.id);
  }
}
