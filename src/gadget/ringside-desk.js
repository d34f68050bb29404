// <ringside-desk agent="1001" server="https://ringside.example:7464" profile="main" lang="de"></ringside-desk>
//
// The agent's page in a frame of its own. What it says comes as events of this element: `ringside-ring`,
// `ringside-link`, `ringside-dial`, `ringside-sms`, the message in `detail`. `key = "…"` hands the key over without it
// being in any address; `search(text)`, `session({extension, name, team})` and `relay(dialog)` do what their messages do.

const OWN = new URL('..', import.meta.url);
const EVENTS = ['ring', 'link', 'dial', 'sms'];

export class RingsideDesk extends HTMLElement {
  static observedAttributes = ['agent', 'server', 'profile', 'lang'];

  #frame = document.createElement('iframe');

  #key = null;

  #hear = ({ source, origin, data }) => {
    if (source !== this.#frame.contentWindow || origin !== this.#server().origin || data?.source !== 'ringside') return;
    if (data.type === 'ready') { if (this.#key !== null) this.#tell('key', { key: this.#key }); return; }
    if (data.type === 'size' && this.hasAttribute('fit')) this.#frame.style.height = `${data.height}px`;
    if (EVENTS.includes(data.type)) this.dispatchEvent(new CustomEvent(`ringside-${data.type}`, { bubbles: true, composed: true, detail: data }));
  };

  constructor() {
    super();
    const { style } = this.#frame;
    this.#frame.title = 'Ringside';
    Object.assign(style, { border: '0', width: '100%', height: '100%', minHeight: '320px', display: 'block', colorScheme: 'normal' });
    this.attachShadow({ mode: 'open' }).append(this.#frame);
  }

  connectedCallback() {
    if (!this.style.display) this.style.display = 'block';
    addEventListener('message', this.#hear);
    this.#load();
  }

  disconnectedCallback() { removeEventListener('message', this.#hear); }

  attributeChangedCallback() { if (this.isConnected) this.#load(); }

  set key(key) { this.#key = key; this.#tell('key', { key }); }

  search(text) { this.#tell('search', { text }); }

  focus() { this.#frame.focus(); this.#tell('focus', {}); }

  session(session) { this.#tell('session', session); }

  relay(dialog) { this.#tell('dialog', typeof dialog === 'string' ? { xml: dialog } : { body: dialog }); }

  #server() { return new URL(this.getAttribute('server') || OWN, OWN); }

  #load() {
    const address = new URL('gadget', `${this.#server().href.replace(/\/?$/, '/')}`);
    for (const name of ['agent', 'profile', 'lang']) if (this.getAttribute(name)) address.searchParams.set(name, this.getAttribute(name));
    if (this.#frame.src !== address.href) this.#frame.src = address.href;
  }

  #tell(type, message) { this.#frame.contentWindow?.postMessage({ target: 'ringside', type, ...message }, this.#server().origin); }
}

if (!customElements.get('ringside-desk')) customElements.define('ringside-desk', RingsideDesk);
