// The page around this one, where there is one: typed messages, to and from the profile's origins only. The server
// writes those into the page and into its frame-ancestors, so that they are known before anything is asked.

export class Parent {
  /** `on[type](message)` for what comes in. */
  constructor(on) {
    const told = document.querySelector('meta[name=ringside-origins]')?.content ?? '';
    this.origins = [...told.split(' ').filter(Boolean), location.origin];
    this.isEmbedded = window.parent !== window;
    this.origin = this.isEmbedded ? this.guess() : null;
    addEventListener('message', (event) => {
      if (event.source !== window.parent || !this.isEmbedded || event.data?.target !== 'ringside') return;
      if (!this.origins.includes(event.origin)) return;
      this.origin = event.origin;
      on[event.data.type]?.(event.data);
    });
  }

  /** The parent's origin, where the browser tells it and it is one of ours. */
  guess() {
    let found = location.ancestorOrigins?.[0];
    try { found ??= new URL(document.referrer).origin; } catch { /* not told */ }
    return this.origins.includes(found) ? found : null;
  }

  /** Whether somebody is there who may hear what the agent wants. */
  get hears() { return this.origin !== null; }

  /** How high the page would like to be, for a parent that fits its frame. */
  size(height) {
    if (height === this.height) return;
    this.height = height;
    this.tell('size', { height });
  }

  tell(type, message = {}) {
    if (this.origin) window.parent.postMessage({ source: 'ringside', type, ...message }, this.origin);
  }
}
