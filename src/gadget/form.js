// The new-customer form: two fields, the schema's required ones, and the rest where it is wanted. What is typed is kept
// in this tab until the server has it: a ring, a reload or a lost connection takes nothing away.

import { button, h } from './dom.js';

const INPUTS = { phone: 'tel', email: 'email', date: 'date', datetime: 'datetime-local', url: 'url', bool: 'checkbox' };
const OWN = ['name', 'phone', 'company'];

/** What was typed under `place`, kept for this tab. */
export const kept = {
  read(place) { try { return JSON.parse(sessionStorage.getItem(place)); } catch { return null; } },
  write(place, value) { try { sessionStorage.setItem(place, JSON.stringify(value)); } catch { /* It is still in the page. */ } },
  drop(place) { sessionStorage.removeItem(place); },
};

/** The form of a call: built once for it, so that nobody who types is disturbed. */
export const formPart = (app, pop) => ({ keep: `form:${pop.pop_id}:${app.t.locale}:${app.configured}`, make: () => build(app, pop) });

function build(app, pop) {
  const { t, desk } = app;
  const place = `ringside:draft:${app.agent}:${pop.pop_id}`;
  const draft = { phone: pop.ring.ani, ...kept.read(place) };
  const fields = new Map();
  const tell = (key, text) => {
    const { input, error } = fields.get(key);
    error.textContent = text;
    input.toggleAttribute('aria-invalid', !!text);
  };
  const field = ({ key, label, type, required, help }) => {
    const id = `field-${key}`;
    const error = h('span.error#field-error', { id: `${id}-error`, 'data-key': key });
    const input = h('input#field~', { id, type: INPUTS[type] ?? 'text', autocomplete: 'off', 'data-key': key, 'aria-required': required && 'true', 'aria-describedby': error.id,
      oninput: () => { draft[key] = type === 'bool' ? input.checked : input.value; kept.write(place, draft); tell(key, ''); } });
    if (type === 'bool') input.checked = draft[key] === true; else input.value = draft[key] ?? '';
    fields.set(key, { input, error, type });
    return h(type === 'bool' ? 'p.field.bool' : 'p.field', h('label~', { htmlFor: id }, label || key, required && h('span.small.dim', ` ${t('required')}`)), input, help && h('span.small.dim~', help), error);
  };
  const schema = desk.schema.filter(({ key }) => !OWN.includes(key));
  const first = [{ key: 'name', label: t('name'), required: true }, { key: 'phone', label: t('phone'), type: 'phone' }, ...schema.filter(({ required }) => required)].map(field);
  const further = h('div', { hidden: !draft.more }, [{ key: 'company', label: t('company') }, ...schema.filter(({ required }) => !required)].map(field));
  const more = button('.plain#more', t('more'), '', () => {
    further.hidden = draft.more;
    draft.more = !draft.more;
    more.ariaExpanded = String(draft.more);
    kept.write(place, draft);
  }, { ariaExpanded: String(!!draft.more) });
  const whole = h('p.error#form-error', { role: 'alert' });
  const save = h('button.main#save', t('save'));

  async function onsubmit(event) {
    event.preventDefault();
    if (save.disabled) return;
    for (const key of fields.keys()) tell(key, '');
    whole.textContent = '';
    save.disabled = true;
    try {
      // Sent again where the answer was lost, it is the same customer.
      draft.id ??= `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`;
      kept.write(place, draft);
      await app.create(pop, { ...body(draft, fields), id: draft.id });
      kept.drop(place);
    } catch (error) {
      const key = named(error.field, fields);
      if (!key) whole.textContent = app.reason(error);
      else {
        const { input } = fields.get(key);
        if (further.hidden && further.contains(input)) more.click();
        tell(key, error.message);
        input.focus();
      }
    }
    save.disabled = false;
  }
  return h('form.new#form', { noValidate: true, onsubmit, 'aria-label': t('newCustomer') }, h('h2', t('newCustomer')), first, further, whole, h('p.line', save, more));
}

/** What the server is sent: only what was filled in. */
export function body(draft, fields) {
  const attributes = {};
  const text = (key) => (draft[key] ?? '').trim();
  for (const [key, { type }] of fields) {
    const value = draft[key];
    if (!OWN.includes(key) && (value ?? '') !== '') attributes[key] = type === 'datetime' ? new Date(value).toISOString() : value;
  }
  return { name: text('name'), company: text('company') || undefined, phones: text('phone') ? [text('phone')] : [], attributes };
}

/** Our field for what the server calls `phones[0].number` or `attributes.email`. */
export function named(field, fields) {
  const key = (field ?? '').replace(/^attributes\./, '');
  if (fields.has(key)) return key;
  return /^phones/.test(key) ? 'phone' : /name$/.test(key) ? 'name' : null;
}
