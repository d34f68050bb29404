// Requests to the server that the page came from. The key goes into a header and nowhere else.

/** An answer that is no success: `status` (0: none came), `code`, `message`, `field`, `retryAfter` in seconds. */
export class Refusal extends Error {
  constructor(status, { code = '', message = '', field } = {}, retryAfter = null) {
    super(message || code || `HTTP ${status}`);
    Object.assign(this, { status, code, field, retryAfter });
  }

  get isRefused() { return this.status === 401 || this.status === 403; }
}

export class Wire {
  constructor(agent, key) {
    this.agent = agent;
    this.key = key;
  }

  /** The address of what belongs to this agent; behind a proxy's prefix too. */
  address(path) {
    return new URL(`../v1/agents/${encodeURIComponent(this.agent)}${path}`, import.meta.url);
  }

  headers(more) {
    return { accept: 'application/json', ...(this.key && { authorization: `Bearer ${this.key}` }), ...more };
  }

  get(path, options) { return this.ask('GET', path, undefined, options); }

  post(path, body) { return this.ask('POST', path, body); }

  put(path, body) { return this.ask('PUT', path, body); }

  async ask(method, path, body, { signal } = {}) {
    const address = path.startsWith('//') ? new URL(`..${path.slice(1)}`, import.meta.url) : this.address(path);
    const isText = typeof body === 'string';
    let response;
    try {
      response = await fetch(address, {
        method, signal, cache: 'no-store', credentials: 'same-origin', redirect: 'error',
        headers: this.headers(body === undefined ? {} : { 'content-type': isText ? 'application/xml' : 'application/json' }),
        body: body === undefined || isText ? body : JSON.stringify(body),
      });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new Refusal(0, { code: 'unreachable' });
    }
    const answer = response.status === 204 ? {} : await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new Refusal(response.status, answer.error, Number(response.headers.get('retry-after')) || null);
  }
}
