// What an agent does, as requests: link, create, wrap up, dial, text, look further back. What fails is said in the bar.

import { blocked, handOver } from './actions.js';
import { customerOf } from './pops.js';

const id = encodeURIComponent;

/** Gives `app` what the page's controls call; `render` shows what came of it. */
export function doing(app, render) {
  app.reason = (error) => app.t('failed', { why: error.status === 0 ? app.t('failedUnreachable') : error.status === 503 ? app.t('failedLater') : error.message });

  const attempt = async (act) => {
    try {
      await act();
      render();
      return true;
    } catch (error) {
      app.tell(app.reason(error));
      return false;
    }
  };
  app.attempt = attempt;

  /** Says whose call it is: `found`'s, or with null nobody's of those who were found. */
  app.link = (pop, found) => attempt(async () => {
    const whom = found?.customer_id ?? null;
    const { panel } = app;
    if (!app.undos.has(pop.pop_id)) app.undos.set(pop.pop_id, pop.link?.by === 'agent' ? pop.link.customer_id ?? null : undefined);
    const { link } = await app.wire.ask('PUT', `/calls/${id(pop.call_id)}/link`, { customer_id: whom });
    // The update that follows says the same; until it is there, the page knows at least who.
    if ((pop.lookup.customer?.id ?? null) !== whom) {
      const customer = whom && (await app.wire.get(`/customers/${id(whom)}`)).customer;
      if (pop.link?.at !== link.at) Object.assign(pop, { link, pending: null, page: whom ? 'customer' : pop.page, lookup: { ...pop.lookup, customer, open_case: null, match: whom ? 'link' : 'none' } });
    }
    app.parent.tell('link', { pop_id: pop.pop_id, call_id: pop.call_id, customer_id: whom });
    // What was opened meanwhile is not closed under somebody's hands.
    if (app.panel === panel) app.back();
  });

  /** What takes an agent's link back. */
  app.undoFor = (pop) => app.undos.has(pop.pop_id) && (async () => {
    const before = app.undos.get(pop.pop_id);
    // Where nobody had said anything, the number tells again, as the update that follows says.
    const undo = before === undefined
      ? attempt(() => app.wire.ask('DELETE', `/calls/${id(pop.call_id)}/link`))
      : app.link(pop, before && { customer_id: before });
    if (await undo) app.undos.delete(pop.pop_id);
    render();
  });

  /** Makes a customer of a call's form; without `body` the form is opened. Refusals are the form's to show. */
  app.create = async (pop, body) => {
    app.creating = body ? null : pop.pop_id;
    if (body) {
      const { customer_id: made, customer } = await app.wire.ask('POST', '/customers', { ...body, call_id: pop.call_id });
      if (!customerOf(pop)) Object.assign(pop, { pending: { id: made, ...customer }, link: { customer_id: made, by: 'agent', agent: app.agent } });
      app.parent.tell('link', { pop_id: pop.pop_id, call_id: pop.call_id, customer_id: made, pending: true });
    }
    render();
    if (!body) document.querySelector('[data-test=field]')?.focus();
  };

  app.wrapUp = (pop, text) => attempt(async () => {
    await app.wire.ask('POST', `/calls/${id(pop.call_id)}/events`, { event: 'wrap_up', wrap_up: text });
    pop.wrap_up = text;
  });

  /** Hands a number to whoever telephones: the page around this one, or the system by its kind of address. */
  const hand = (kind, number, pop, customer, said) => {
    app.tell(said);
    if (app.parent.hears) return app.parent.tell(kind, { number, customer_id: customer?.id ?? null, call_id: pop?.call_id ?? null });
    const address = handOver(app.desk[kind], number);
    if (!address) return undefined;
    return /^http/.test(address) ? window.open(address, '_blank', 'noopener,noreferrer') : location.assign(address);
  };

  app.dial = (pop, customer, number) => {
    const why = blocked(app, 'call', customer, number);
    if (why) app.tell(why); else hand('dial', number, pop, customer, app.t('dialled', { number }));
  };

  /** A message to a known customer is part of their history: it is recorded first, where the server may say no. */
  app.sms = async (pop, customer, number) => {
    let why = blocked(app, 'text', customer, number);
    let said = app.t('smsRecorded');
    if (!why && customer?.id && app.desk.may_text !== false) {
      try {
        await app.wire.ask('POST', '/interactions', { type: 'sms', customer_id: customer.id, number, call_id: pop?.call_id });
      } catch (error) {
        if (error.status === 409) why = app.t('whyNotSms');
        said = app.t('smsUnrecorded', { why: app.reason(error) });
      }
    }
    if (why) app.tell(why); else hand('sms', number, pop, customer, said);
  };

  app.loadOlder = async (customer, before = '') => {
    const held = app.older.get(customer.id) ?? { list: [] };
    app.older.set(customer.id, held);
    held.state = 'loading';
    render();
    try {
      const { interactions, more } = await app.wire.get(`/customers/${id(customer.id)}/interactions?${new URLSearchParams({ limit: 20, ...(before && { before }) })}`);
      held.list.push(...interactions);
      held.state = more ? '' : 'over';
    } catch (error) {
      held.state = error.status === 404 ? 'absent' : 'unavailable';
    }
    render();
  };

  /** What a chooser's rows say beside names: asked for once, shown where there is place kept for it. */
  app.loadDetails = async (pop) => {
    if (app.details.has(pop.pop_id) || !pop.ring.ani) return;
    app.details.set(pop.pop_id, {});
    try {
      const { customers } = await app.wire.get(`/customers?${new URLSearchParams({ search: pop.ring.ani })}`);
      app.details.set(pop.pop_id, Object.fromEntries(customers.map((found) => [found.customer_id, found])));
      render();
    } catch { /* The names are there. */ }
  };

  app.look = (whom) => attempt(async () => {
    app.viewed = (await app.wire.get(`/customers/${id(whom)}`)).customer;
    app.mode = 'view';
  });
}
