// Elements. What comes from outside is only ever text: strings become text nodes, and nothing here reads HTML.

/**
 * An element: `h('p.small#hook~', {title, onclick, 'data-id': id}, 'text', child, …)`. `#hook` is what tests find it by
 * (`data-test`), `~` is for text of any direction; the object may be left out, and children that are not there are.
 */
export function h(what, ...children) {
  const [, tag, classes, hook, isText] = /^(\w+)([.\w-]*)#?([\w-]*)(~?)$/.exec(what);
  const element = document.createElement(tag);
  if (classes) element.className = classes.replaceAll('.', ' ').trim();
  if (hook) element.dataset.test = hook;
  if (isText) element.dir = 'auto';
  const given = children[0]?.constructor === Object ? children.shift() : {};
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name in element && !name.includes('-')) element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(3).filter((child) => child || child === 0));
  return element;
}

/** A button with its key: shown on hover and focus by the style sheet, told to assistive technology. */
export const button = (what, text, key, onclick, more) => h(`button${what}`, {
  type: 'button', onclick, title: key && `${text} (${key})`, 'aria-keyshortcuts': key || null, 'data-kbd': key || null, ...more,
}, text);

/**
 * Makes `parent` hold `nodes`. What is there already and is the same stays as it is, with its focus, its open parts and
 * whatever is under the pointer; only what differs is touched. A node is a part by its `data-part`; in place of one that
 * is to be left alone as long as it is shown, `{keep, make}` says how it is made.
 */
export function fill(parent, nodes) {
  const old = new Map([...parent.children].map((child) => [child.dataset.part, child]));
  const wanted = nodes.filter(Boolean).map((node, nth) => {
    const part = node.keep ?? (node.dataset.part ||= `${nth}${node.className}`);
    const before = old.get(part);
    old.delete(part);
    if (!node.make) return before ? morph(before, node) : node;
    if (before) return before;
    const made = node.make();
    made.dataset.part = part;
    return made;
  });
  for (const gone of old.values()) gone.remove();
  wanted.forEach((node, nth) => { if (parent.children[nth] !== node) parent.insertBefore(node, parent.children[nth] ?? null); });
}

/** What an agent does to an element is no difference: whether it is open, what is typed into it. */
const KEPT = ['open', 'value'];
const HANDLERS = ['onclick', 'oninput', 'onsubmit', 'onfocus', 'onkeydown'];

function morph(old, now) {
  if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName || old.dataset?.id !== now.dataset?.id) {
    old.replaceWith(now);
    return now;
  }
  if (old.nodeType === 3) {
    if (old.data !== now.data) old.data = now.data;
    return old;
  }
  for (const { name } of [...old.attributes]) if (!now.hasAttribute(name) && !KEPT.includes(name)) old.removeAttribute(name);
  for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  old.style.cssText = now.style.cssText;
  for (const name of HANDLERS) old[name] = now[name];
  const [from, to] = [[...old.childNodes], [...now.childNodes]];
  to.forEach((child, nth) => (from[nth] ? morph(from[nth], child) : old.append(child)));
  from.slice(to.length).forEach((child) => child.remove());
  return old;
}

/** `text` where it is an absolute address of the web, or null: anything else stays text. */
export function web(text) {
  try {
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export const elsewhere = (href, more) => ({ href, target: '_blank', rel: 'noopener noreferrer', ...more });
