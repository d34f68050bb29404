// Elements. What comes from outside is only ever text: strings become text nodes, and nothing here reads HTML.

/** An element: `h('p.small', {title, onclick, data: {test: 'name'}}, 'text', child, …)`; false and null are left out. */
export function h(what, given, ...children) {
  const [tag, ...classes] = what.split('.');
  const element = document.createElement(tag || 'div');
  if (classes.length) element.className = classes.join(' ');
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'data') Object.assign(element.dataset, defined(value));
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== 'list') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const defined = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== false));

/**
 * Fills `parent` with `parts`, `[key, signature, build]` each: a part is built again only where its signature has
 * changed, so that an update touches neither what is open nor what is under the pointer.
 */
export function fill(parent, parts) {
  const held = (parent.held ??= new Map());
  const keys = new Set(parts.map(([key]) => key));
  for (const [key, { node }] of held) if (!keys.has(key)) { node.remove(); held.delete(key); }
  let before = null;
  for (const [key, signature, build] of parts) {
    const sign = JSON.stringify(signature) ?? '';
    let part = held.get(key);
    if (part?.sign !== sign) {
      const node = build();
      const focus = part && focusIn(part.node);
      if (part) part.node.replaceWith(node);
      part = { sign, node };
      held.set(key, part);
      if (focus) node.querySelector(focus)?.focus();
    }
    const next = before ? before.nextSibling : parent.firstChild;
    if (next !== part.node) parent.insertBefore(part.node, next);
    before = part.node;
  }
}

function focusIn(node) {
  const at = document.activeElement;
  if (!at || !node.contains(at) || !at.dataset.test) return null;
  const key = at.dataset.key ?? at.dataset.id;
  const name = at.dataset.key ? 'key' : 'id';
  return `[data-test="${at.dataset.test}"]${key ? `[data-${name}="${CSS.escape(key)}"]` : ''}`;
}

/** A button with its key: shown on hover and focus by the style sheet, told to assistive technology. */
export function button(test, text, key, onclick, more = {}) {
  const { data, ...rest } = more;
  return h('button', {
    type: 'button', onclick, title: key ? `${text} (${key})` : null, 'aria-keyshortcuts': key || null, ...rest,
    data: { test, kbd: key, ...data },
  }, text);
}

/** A link elsewhere, or null where `href` is not plain http or https: anything else stays text. */
export function elsewhere(href, given, ...children) {
  const url = web(href);
  return url && h('a', { href: url, target: '_blank', rel: 'noopener noreferrer', ...given }, ...children);
}

/** `text` where it is an absolute address of the web, or null. */
export function web(text) {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}
