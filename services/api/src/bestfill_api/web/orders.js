// The orders of one user, newest first, kept up by their events.

import { get, orderPath, Problem } from "/web/api.js";
import { framed } from "/web/dom.js";
import { advance, born, step } from "/web/story.js";
import { Stream, UNAUTHORIZED } from "/web/stream.js";

const PAGE = 100;
const AT_FIRST = 1_000;
/** More are not kept; the oldest go first, and can be loaded again. */
const MOST = 5_000;
const AGAIN_MS = 1_000;

/**
 * Tells of `change` at most once a frame (`rows`: which changed; `listed`: whether rows came or went), and at once of
 * `live` (`live`), `event` (`row`, `event`), `refused` (`problem`) and `forgot` (all orders: another list begins).
 */
export class Orders extends EventTarget {
  /** Order views, each with `steps` (from its first event on, without gaps) and `drawn`, a count of its changes. */
  rows = [];
  loading = true;
  /** Whether the engine has older ones that are not loaded. */
  more = false;
  live = false;

  #byId = new Map();
  #strays = new Map();
  #changed = new Set();
  #listed = false;
  #stream = null;
  #user = "";
  #turn = new AbortController();
  #tell = framed(() => this.#told());

  /** Show the orders of a user from now on; undefined is whoever has signed in. */
  follow(user) {
    this.#turn.abort();
    this.#turn = new AbortController();
    this.#stream?.stop();
    this.#stream = null;
    this.#user = user;
    this.#forget();
    this.#setLive(false);
    this.#begin(this.#turn.signal);
  }

  find(id) {
    return this.#byId.get(id);
  }

  /** Take an order view as an answer had it, if it is newer than what is known. */
  take(view) {
    const row = this.#byId.get(view.id);
    if (row && view.seq > row.seq) this.#touch(Object.assign(row, view));
  }

  /** Load the next older page. */
  async older() {
    if (this.loading || !this.more) return;
    const { signal } = this.#turn;
    await this.#load(signal, this.rows.length + 1);
  }

  /** Read the steps of an order that was loaded without them. */
  async recall(row) {
    const { events } = await get(orderPath(row.id, "/events"), this.#turn.signal);
    if (events.length > row.steps.length) {
      row.steps = events.map(step);
      this.#touch(row);
    }
  }

  async #begin(signal) {
    this.loading = true;
    while (!signal.aborted) {
      try {
        const first = await this.#page(0, signal);
        this.#connect(first.userSeq, signal);
        return await this.#load(signal, AT_FIRST);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Problem && error.status < 500) {
          this.loading = false;
          this.dispatchEvent(new CustomEvent("refused", { detail: { problem: error } }));
          return;
        }
        await new Promise((done) => setTimeout(done, AGAIN_MS));
      }
    }
  }

  /** Load pages until so many orders are there. What happens to them meanwhile is kept, and applied as they come. */
  async #load(signal, wanted) {
    this.loading = true;
    try {
      // Not by the rows alone: orders that are new and not heard of yet push these on, and a page may bring none.
      for (let offset = this.rows.length; this.more && this.rows.length < wanted; ) {
        offset += (await this.#page(offset, signal)).orders.length;
      }
    } catch (error) {
      if (signal.aborted) return;
      // `more` still stands: whoever asks for older ones tries again.
    }
    if (signal.aborted) return;
    this.loading = false;
    this.#strays.clear();
    this.#listed = true;
    this.#tell();
  }

  async #page(offset, signal) {
    const page = await get(`/api/orders?${this.#query({ limit: PAGE, offset })}`, signal);
    for (const view of page.orders) this.#merge(view);
    this.rows.sort(newestFirst);
    this.more = offset + page.orders.length < page.total && page.orders.length > 0;
    this.#listed = true;
    this.#tell();
    return page;
  }

  #connect(userSeq, signal) {
    this.#stream = new Stream(`/ws?${this.#query({})}`, "userSeq", userSeq, {
      event: (event) => this.#heard(event),
      live: (live) => this.#setLive(live),
      // The store is another one than it was, or an older state of it: begin anew, not at once for ever.
      end: (code) => {
        this.#setLive(false);
        if (code === UNAUTHORIZED) return; // until somebody has signed in
        setTimeout(() => signal.aborted || this.follow(this.#user), AGAIN_MS);
      },
    });
  }

  #query(more) {
    return new URLSearchParams(this.#user === undefined ? more : { userId: this.#user, ...more });
  }

  #heard(event) {
    let row = this.#byId.get(event.orderId);
    if (!row && event.seq === 1) {
      row = this.#add(born(event));
      if (this.rows.length > 1 && newestFirst(this.rows[0], this.rows[1]) > 0) this.rows.sort(newestFirst);
      this.#trim();
    } else if (!row) {
      if (this.loading) this.#strays.set(event.orderId, [...(this.#strays.get(event.orderId) ?? []), event]);
      return;
    }
    this.#apply(row, event);
    this.dispatchEvent(new CustomEvent("event", { detail: { row, event } }));
  }

  #apply(row, event) {
    advance(row, event);
    if (event.seq === row.steps.length + 1) row.steps.push(step(event));
    this.#touch(row);
  }

  #merge(view) {
    const known = this.#byId.get(view.id);
    if (known) return this.take(view);
    const row = this.#add(view, "push");
    for (const event of this.#strays.get(view.id) ?? []) this.#apply(row, event);
    this.#strays.delete(view.id);
  }

  #add(view, how = "unshift") {
    const row = { ...view, steps: [], drawn: 0 };
    this.#byId.set(row.id, row);
    this.rows[how](row);
    this.#listed = true;
    return row;
  }

  #trim() {
    if (this.rows.length <= MOST || this.loading) return;
    const row = this.rows.pop();
    this.#byId.delete(row.id);
    this.#changed.delete(row); // in a hidden tab nobody hears of changes, for days
    this.more = true;
  }

  #forget() {
    this.rows = [];
    this.more = false;
    this.#byId.clear();
    this.#strays.clear();
    this.#changed.clear();
    this.#listed = true;
    this.#tell();
    this.dispatchEvent(new Event("forgot"));
  }

  #touch(row) {
    row.drawn += 1;
    this.#changed.add(row);
    this.#tell();
  }

  #told() {
    const detail = { rows: this.#changed, listed: this.#listed };
    this.#changed = new Set();
    this.#listed = false;
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }

  #setLive(live) {
    this.live = live;
    this.dispatchEvent(new CustomEvent("live", { detail: { live } }));
  }
}

function newestFirst(one, other) {
  if (one.createdAt !== other.createdAt) return one.createdAt < other.createdAt ? 1 : -1;
  return one.id < other.id ? 1 : one.id > other.id ? -1 : 0;
}
