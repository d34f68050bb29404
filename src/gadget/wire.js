// Requests to the server that the page came from. The key goes into a header and nowhere else.

/** How long an answer may take, milliseconds: a connection whose other end has moved to another machine may be silent. */
const LATE = 15000;

/** An answer that is no success: `status` (0: none came), `field` where one is to blame, and what it says. */
class Refusal extends Error {
  constructor(status, { code, message, field } = {}) {
    super(message ?? code ?? `HTTP ${status}`);
    Object.assign(this, { status, field, isRefused: status === 401 || status === 403 });
  }
}

export class Wire {
  constructor(agent, key) { Object.assign(this, { agent, key }); }

  /** The address of what belongs to this agent, or with `//` of the server; behind a proxy's prefix too. */
  address(path) {
    return new URL(path.startsWith('//') ? `..${path.slice(1)}` : `../v1/agents/${encodeURIComponent(this.agent)}${path}`, import.meta.url);
  }

  headers(more) { return { ...(this.key && { authorization: `Bearer ${this.key}` }), ...more }; }

  get(path, signal) { return this.ask('GET', path, undefined, signal); }

  async ask(method, path, body, signal) {
    const isText = typeof body === 'string';
    const headers = this.headers(body && { 'content-type': isText ? 'application/xml' : 'application/json' });
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), LATE);
    signal?.addEventListener('abort', () => late.abort());
    const response = await fetch(this.address(path), { method, headers, signal: late.signal, cache: 'no-store', redirect: 'error', body: isText ? body : JSON.stringify(body) })
      .catch(() => { throw new Refusal(0); })
      .finally(() => clearTimeout(timer));
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refusal(response.status, answer.error);
    return answer;
  }
}
