// The user's orders: a table of one page of them, kept up live.

import { access, signedOut } from "/web/access.js";
import { framed, h, say } from "/web/dom.js";
import { count } from "/web/format.js";
import { seen } from "/web/halt.js";
import { COLUMNS, Row } from "/web/row.js";
import { cancel, orders, symbol } from "/web/session.js";
import { ENDED, STATES } from "/web/story.js";

const PAGE = 25;
const TICK_MS = 500;
const RECALLS = 4;
const HOLD_MS = 1_000;

class OrderBlotter extends HTMLElement {
  #filter = h("input", {
    id: "filter",
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "token, venue, id, hash",
    oninput: () => this.#first(),
  });
  #status = h(
    "select",
    { id: "status", onchange: () => this.#first() },
    h("option", { value: "" }, "all"),
    h("option", { value: "open" }, "open"),
    STATES.map((state) => h("option", { value: state }, state)),
  );
  #body = h("tbody", {
    onpointermove: () => this.#hold(),
    onpointerdown: () => this.#hold(),
    onpointerleave: () => this.#release(),
  });
  #table = h(
    "table",
    { class: "blotter" },
    h("caption", { class: "unseen" }, "Your orders"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        COLUMNS.map((name) => h("th", { scope: "col" }, name)),
      ),
    ),
    this.#body,
  );
  #empty = h("p", { class: "empty" });
  #notice = h("p", { class: "alert", "aria-live": "polite" });
  #range = h("span", { class: "range" });
  #newer = h("button", { type: "button", class: "small", onclick: () => this.#turn(-PAGE) }, "Newer");
  #older = h("button", { type: "button", class: "small", onclick: () => this.#turn(PAGE) }, "Older");

  #rows = new Map();
  #shown = [];
  /** The first order of the page at hand, unless it is the first page: newer orders must not push it away. */
  #anchor = null;
  #matches = null;
  #recalling = new Set();
  #asked = new WeakMap();
  #timer = 0;
  #held = 0;
  #draw = framed(() => this.isConnected && this.#show());

  connectedCallback() {
    if (!this.firstChild) {
      this.append(
        h(
          "section",
          { class: "panel", "aria-label": "Orders" },
          h(
            "div",
            { class: "tools" },
            h("h2", {}, "Your orders"),
            h("label", { for: "filter" }, "Filter orders"),
            this.#filter,
            h("label", { for: "status" }, "Status"),
            this.#status,
            h("div", { class: "pager" }, this.#range, this.#newer, this.#older),
          ),
          this.#notice,
          h("div", { class: "sideways" }, this.#table),
          this.#empty,
        ),
      );
      orders.addEventListener("change", ({ detail }) => this.#changed(detail));
      orders.addEventListener("forgot", () => this.#first());
      access.addEventListener("wanted", () => this.#draw());
      this.#filter.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && this.#filter.value) {
          event.stopPropagation();
          event.preventDefault();
          this.#filter.value = "";
          this.#first();
        }
      });
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#matches = null;
    this.#draw();
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  /** Put the cursor into the filter. */
  find() {
    this.#filter.focus();
    this.#filter.select();
  }

  #changed({ rows, listed }) {
    if (listed || this.#filter.value || this.#status.value) this.#matches = null;
    if (listed || this.#matches === null || this.#shown.some((order) => rows.has(order))) this.#draw();
  }

  #first() {
    this.#anchor = null;
    this.#matches = null;
    this.#release();
    if (this.isConnected) this.#show(); // at once: a pointer that moves would hold the rows again before the next frame
  }

  /** While the pointer is on its way over them, rows stay where they are, so that what it meets is what was meant. */
  #hold() {
    clearTimeout(this.#held);
    this.#held = setTimeout(() => this.#release(), HOLD_MS);
  }

  #release() {
    clearTimeout(this.#held);
    this.#held = 0;
    this.#draw();
  }

  async #turn(by) {
    const start = Math.max(0, this.#start() + by);
    if (start >= this.#matching().length && orders.more) await orders.older();
    this.#anchor = start ? (this.#matching()[start] ?? this.#anchor) : null;
    this.#draw();
  }

  #start() {
    if (!this.#anchor) return 0;
    return Math.max(0, this.#matching().indexOf(this.#anchor));
  }

  #matching() {
    if (this.#matches) return this.#matches;
    const [text, status] = [this.#filter.value.trim().toLowerCase(), this.#status.value];
    const wanted = (order) =>
      (!status || order.status === status || (status === "open" && !ENDED.has(order.status))) &&
      (!text || words(order).includes(text));
    return (this.#matches = text || status ? orders.rows.filter(wanted) : orders.rows);
  }

  #show() {
    if (this.#held) return this.#shown.forEach((order) => this.#rows.get(order.id).draw());
    const matching = this.#matching();
    const start = this.#start();
    this.#shown = matching.slice(start, start + PAGE);
    const rows = this.#shown.map((order) => this.#row(order));
    const kept = new Set(rows);
    for (const [id, row] of this.#rows) {
      if (kept.has(row)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    rows.forEach((row, i) => {
      row.draw();
      if (this.#body.children[i] !== row.element) this.#body.insertBefore(row.element, this.#body.children[i] ?? null);
    });
    const end = start + rows.length;
    say(
      this.#range,
      rows.length ? `${count(start + 1)}–${count(end)} of ${count(matching.length)}${orders.more ? "+" : ""}` : "",
    );
    this.#newer.disabled = start === 0;
    this.#older.disabled = end >= matching.length && !orders.more;
    this.#table.hidden = !rows.length && !this.#filtering();
    say(this.#empty, rows.length ? "" : this.#nothing());
    this.#recall();
  }

  #row(order) {
    let row = this.#rows.get(order.id);
    // Another user's turn, or a list that was read anew, has another object for the same order.
    if (!row || row.order !== order) {
      row?.element.remove();
      row = new Row(order, (id) => this.#cancel(id));
      this.#rows.set(order.id, row);
    }
    return row;
  }

  #filtering() {
    return Boolean(this.#filter.value.trim() || this.#status.value);
  }

  #nothing() {
    if (signedOut() && !orders.rows.length) return "Sign in to see your orders.";
    if (orders.loading && !orders.rows.length) return "Loading orders…";
    if (this.#filtering())
      return orders.more ? "No order matches among those loaded; “Older” loads more." : "No order matches.";
    return "No orders yet. Place one above, and watch it here.";
  }

  #tick() {
    if (document.hidden) return;
    const now = Date.now();
    for (const order of this.#shown) {
      if (ENDED.has(order.status)) continue;
      this.#rows.get(order.id)?.tick(now);
      seen(order, now);
    }
  }

  /** Ask for the steps of the orders in view that were loaded without them, a few at a time. */
  #recall() {
    for (const order of this.#shown) {
      if (this.#recalling.size >= RECALLS) return;
      if (order.steps.length >= order.seq || this.#recalling.has(order.id) || this.#asked.get(order) === order.seq)
        continue;
      this.#asked.set(order, order.seq);
      this.#recalling.add(order.id);
      orders
        .recall(order)
        .catch(() => {})
        .finally(() => {
          this.#recalling.delete(order.id);
          this.#draw();
        });
    }
  }

  async #cancel(id) {
    const { cancel: button, element } = this.#rows.get(id);
    button.disabled = true;
    say(this.#notice, "");
    say(this.#notice, await cancel(id));
    button.disabled = false;
    if (document.activeElement === document.body) element.querySelector("a").focus();
  }
}

function words(order) {
  const { id, tokenIn, tokenOut, dexSelected, txHash, errorCode } = order;
  return `${symbol(tokenIn)} → ${symbol(tokenOut)} ${tokenIn} ${tokenOut} ${dexSelected ?? ""} ${id} ${txHash ?? ""} ${errorCode ?? ""}`.toLowerCase();
}

customElements.define("order-blotter", OrderBlotter);
