// The agent's stream of events (SSE), read with fetch: unlike EventSource it can send the key in a header, so that no
// secret is in an address, and it sees the server's heartbeats, which are comments.

/** How long nothing may come, milliseconds. The server's heartbeats are 10 s apart at the most. */
const SILENCE = 25000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;

/** Takes chunks of text, calls `emit({event, data, id})` for events and `emit(null)` for comments. */
export function parser(emit) {
  let rest = '';
  let event = { event: 'message', data: [] };
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (let line of lines) {
      if (line.endsWith('\r')) line = line.slice(0, -1);
      if (line === '') {
        if (event.data.length) emit({ ...event, data: event.data.join('\n') });
        event = { event: 'message', data: [] };
      } else if (line.startsWith(':')) emit(null);
      else {
        const colon = line.indexOf(':');
        const [name, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
        if (name === 'data') event.data.push(value);
        else if (name === 'event' || name === 'id') event[name] = value;
      }
    }
  };
}

/** How long to wait before attempt `nth` (from 0), so that a thousand desktops do not come back at once. */
export function wait(nth, random = Math.random()) {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(nth, 10)) * (0.5 + random / 2);
}

/**
 * Keeps the stream of `wire`'s agent: `on.message(object)`, `on.state('connecting'|'live'|'lost'|'refused', error)`.
 * It goes on from the last id that was seen.
 */
export class Stream {
  constructor(wire, on) {
    Object.assign(this, { wire, on, last: null, attempts: 0, ended: false });
    this.kick = () => this.wake?.();
    addEventListener('online', this.kick);
  }

  async run() {
    while (!this.ended) {
      try {
        await this.once();
        this.on.state('lost');
      } catch (error) {
        const refused = error?.status === 401 || error?.status === 403;
        if (this.ended) return;
        this.on.state(refused ? 'refused' : 'lost', error);
        // Whoever is refused is not asked again until there is another key.
        if (refused) return;
      }
      await new Promise((done) => {
        this.wake = done;
        setTimeout(done, wait(this.attempts));
      });
      this.attempts += 1;
    }
  }

  end() {
    this.ended = true;
    removeEventListener('online', this.kick);
    this.abort?.abort();
    this.wake?.();
  }

  async once() {
    this.abort = new AbortController();
    let silence;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => this.abort.abort(), SILENCE);
    };
    heard();
    try {
      const address = this.wire.address('/events');
      if (this.last !== null) address.searchParams.set('last_event_id', this.last);
      const response = await fetch(address, {
        headers: this.wire.headers({ accept: 'text/event-stream' }), signal: this.abort.signal, cache: 'no-store', redirect: 'error',
      });
      if (!response.ok) {
        response.body?.cancel();
        throw { status: response.status };
      }
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parse = parser((event) => event && this.take(event));
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        heard();
        parse(value);
      }
    } finally {
      clearTimeout(silence);
    }
  }

  take({ data }) {
    let message;
    try { message = JSON.parse(data); } catch { return; }
    if (message.type === 'hello') {
      this.attempts = 0;
      if (message.reset) this.last = null;
      this.on.state('live');
    }
    this.on.message(message);
    // After it was dealt with: what failed half-way comes again. A hello tells the newest id ahead of what led to it.
    if (message.type !== 'hello' && message.id !== undefined) this.last = Math.max(this.last ?? 0, message.id);
  }
}
