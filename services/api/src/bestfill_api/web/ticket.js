// The ticket: a market order, as it is asked for.

import { announce } from "/web/announce.js";
import { post, refused } from "/web/api.js";
import { h, mark, s, say, still } from "/web/dom.js";
import { amount, moment, plain, shortId } from "/web/format.js";
import { halt } from "/web/halt.js";
import { keyOf, settle, unsettled } from "/web/keys.js";
import "/web/preview.js";
import { currentUser, orders, symbol, tokens, turn } from "/web/session.js";
import { badge, setBadge } from "/web/status.js";
import { ENDED } from "/web/story.js";

/** After an order was accepted, for so long another can't be placed: a double click means one. */
const PAUSE_MS = 700;
const TOKENS = ["tokenIn", "tokenOut"];
/** Those that a preview looks at too. */
const ASKED = [...TOKENS, "amountIn", "slippageTolerance", "minAmountOut"];
const FIELDS = [...ASKED, "userId"];

class OrderTicket extends HTMLElement {
  #form = null;
  #preview = null;
  #alert = h("p", { role: "alert", class: "alert" });
  #last = h("p", { class: "last" });
  /** What the fields held when they were last looked at. */
  #known = "";
  /** While an order is asked for, and a moment longer. */
  #placing = false;
  /** Ids of the orders that were placed here, until they end. */
  #placed = new Set();
  #latest = null;

  connectedCallback() {
    if (this.#form) return;
    this.#form = this.#build();
    this.#preview = document.createElement("order-preview");
    this.#preview.onproblem = (problem) => {
      const show = () => this.#mark(problem?.errors ?? [], ASKED);
      still(show, () => this.#placing || show()); // what a click finds stands
    };
    this.append(
      h(
        "section",
        { class: "panel", "aria-labelledby": "ticket-title" },
        h("h2", { id: "ticket-title" }, "New order"),
        this.#form,
      ),
      this.#preview,
    );
    orders.addEventListener("event", ({ detail }) => this.#heard(detail.row, detail.event));
    orders.addEventListener("change", ({ detail }) => {
      if (this.#latest && (!this.#latest.row || detail.rows.has(this.#latest.row))) this.#showLast();
    });
    orders.addEventListener("forgot", () => this.#forget());
    orders.addEventListener("live", ({ detail }) => detail.live && this.#preview.refresh());
    halt.addEventListener("resumed", () => this.#preview.refresh());
    this.addEventListener("focusin", () => this.#preview.refresh());
    tokens.then((found) => this.#offer(found));
  }

  /** Put the cursor where an order begins. */
  begin() {
    this.#form.elements.amountIn.focus();
    this.#form.elements.amountIn.select();
  }

  #build() {
    const swap = h(
      "button",
      {
        type: "button",
        class: "swap",
        "aria-label": "Swap direction",
        title: "Swap direction",
        onclick: () => this.#swap(),
      },
      s(
        "svg",
        { viewBox: "0 0 16 16", "aria-hidden": "true" },
        s("path", { d: "M5 2v11M2.5 10.5L5 13l2.5-2.5M11 14V3M8.5 5.5L11 3l2.5 2.5" }),
      ),
    );
    return h(
      "form",
      {
        class: "ticket",
        novalidate: true,
        onsubmit: (event) => this.#submit(event),
        // A key that is held down means one order.
        onkeydown: (event) => event.key === "Enter" && event.repeat && event.preventDefault(),
        oninput: ({ target }) => this.#changed([target.name]),
        onchange: ({ target }) => this.#changed([target.name], true),
      },
      field("Sell", "tokenIn", h("select", {})),
      field("Amount", "amountIn", h("input", { inputmode: "decimal", placeholder: "0.0" })),
      swap,
      field("Buy", "tokenOut", h("select", {})),
      field("Minimum received", "minAmountOut", h("input", { inputmode: "decimal", placeholder: "optional" })),
      field("Slippage, %", "slippageTolerance", h("input", { inputmode: "decimal", value: "0.5" })),
      h("button", { class: "primary" }, "Place order"),
      this.#alert,
      this.#last,
    );
  }

  #offer(found) {
    const { tokenIn, tokenOut } = this.#form.elements;
    for (const select of [tokenIn, tokenOut]) {
      select.replaceChildren(...found.map((token) => h("option", { value: token.symbol }, plain(token.symbol, 20))));
    }
    tokenOut.selectedIndex = Math.min(1, found.length - 1);
    this.#changed(TOKENS);
  }

  #swap() {
    const { tokenIn, tokenOut } = this.#form.elements;
    [tokenIn.value, tokenOut.value] = [tokenOut.value, tokenIn.value];
    this.#changed(TOKENS, true);
  }

  /** The order as it stands in the fields, as JSON; empty optional fields are left out. */
  #content(more = {}) {
    const asked = { ...more };
    for (const name of ASKED) {
      const value = this.#form.elements[name].value.trim();
      if (value || !["slippageTolerance", "minAmountOut"].includes(name)) asked[name] = value;
    }
    return JSON.stringify(asked);
  }

  /** Fields of these names were edited, or only `left`. If edited, their errors go; those of others stand. */
  #changed(names, left = false) {
    const content = this.#content();
    // Two tokens must differ: either can be mended.
    if (content !== this.#known) this.#mark([], TOKENS.includes(names[0]) ? TOKENS : names);
    this.#known = content;
    const text = this.#form.elements.amountIn.value.trim();
    // While somebody is at it, "0." is no mistake yet.
    const whole = /^\d+(\.\d+)?$/.test(text) && /[1-9]/.test(text);
    if (whole || (left && text)) this.#preview.show(content, left);
    else this.#preview.show(null);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#placing) return;
    const content = this.#content({ userId: currentUser() });
    const [again, asked, whose] = [unsettled(content), JSON.parse(content), turn()];
    this.#setPlacing(true);
    say(this.#alert, "");
    try {
      const accepted = await post("/api/orders/execute", content, { key: keyOf(content) });
      this.#mark([]);
      this.#accepted(accepted, asked, again, whose);
      settle(content);
      setTimeout(() => this.#setPlacing(false), PAUSE_MS);
    } catch (problem) {
      if (problem.status === 429) setTimeout(() => this.#again(), problem.seconds * 1_000);
      else this.#setPlacing(false);
      if (refused(problem)) {
        if (!again) settle(content);
        this.#refused(problem);
      } else this.#unsure(problem, asked);
    }
  }

  /** There is room for an order again. */
  #again() {
    this.#setPlacing(false);
    say(this.#alert, "");
  }

  /** A button that is disabled would lose the focus. */
  #setPlacing(placing) {
    this.#placing = placing;
    mark(this.#form.querySelector(".primary"), "aria-disabled", placing ? "true" : null);
  }

  #accepted({ orderId, createdAt }, asked, again, whose) {
    if (whose !== turn()) {
      const owner = plain(asked.userId ?? "whoever had signed in before", 40);
      return say(this.#alert, `Order ${shortId(orderId)} was placed for ${owner}.`);
    }
    if (again) say(this.#alert, `It was placed once, at ${moment(createdAt)}: this is no second order.`);
    this.#placed.add(orderId);
    this.#latest = { id: orderId, badge: badge("pending"), text: h("span", {}), row: null };
    this.#last.replaceChildren(
      h("a", { href: `#/orders/${orderId}`, "aria-label": `Order ${shortId(orderId)}` }, shortId(orderId)),
      " ",
      this.#latest.badge,
      " ",
      this.#latest.text,
    );
    announce(`Order ${shortId(orderId)} placed: ${amount(asked.amountIn)} ${asked.tokenIn} for ${asked.tokenOut}`);
    this.#showLast();
    const row = orders.find(orderId);
    if (row && ENDED.has(row.status)) this.#ended(row);
  }

  #refused(problem) {
    if (problem.status === 401) return say(this.#alert, "Not placed: sign in, and place it again.");
    const elsewhere = this.#mark(problem.errors);
    say(
      this.#alert,
      problem.errors.length
        ? elsewhere.map((error) => plain(`${error.field} ${error.message}`)).join("; ")
        : plain(problem.message) + unsaid(problem),
    );
    this.#form.querySelector("[aria-invalid]")?.focus();
  }

  #unsure(problem, { userId, amountIn, tokenIn, tokenOut }) {
    const order = `${userId ? `${plain(userId, 40)}: ` : ""}${amount(amountIn)} ${tokenIn} for ${tokenOut}`;
    say(
      this.#alert,
      `It is not known whether this order was placed (${order}). Press “Place order” again with nothing changed: ` +
        `it is then placed once, not twice. The reason: ${plain(problem.message)}.`,
    );
  }

  /** Put each error beside its field, if it is one of `names`, and give those that have none here. */
  #mark(errors, names = FIELDS) {
    for (const name of names) {
      const wrong = errors.find((error) => error.field === name);
      const found = (id) => this.querySelector(`#${id}`) ?? document.getElementById(id); // another view may be shown
      say(found(`${name}-error`), wrong ? plain(wrong.message) : "");
      mark(found(name), "aria-invalid", wrong ? "true" : null);
    }
    return errors.filter((error) => !FIELDS.includes(error.field));
  }

  #heard(row, event) {
    if (!this.#placed.has(row.id)) return;
    if (ENDED.has(event.status)) this.#ended(row);
    else if (event.data.retryAt)
      announce(`Order ${shortId(row.id)} will be tried again: ${plain(event.data.errorReason)}`);
    else if (event.data.attention) announce(`Order ${shortId(row.id)} needs a person: ${plain(event.data.attention)}`);
  }

  #ended(row) {
    this.#placed.delete(row.id);
    const result =
      row.status === "confirmed"
        ? `confirmed: ${amount(row.amountOut)} ${symbol(row.tokenOut)}`
        : `failed: ${plain(row.errorReason)}`;
    announce(`Order ${shortId(row.id)} ${result}`);
  }

  #forget() {
    this.#placed.clear();
    this.#latest = null;
    this.#last.replaceChildren();
  }

  #showLast() {
    const row = (this.#latest.row ??= orders.find(this.#latest.id) ?? null);
    if (!row) return;
    setBadge(this.#latest.badge, row.status);
    say(
      this.#latest.text,
      row.status === "confirmed"
        ? `${amount(row.amountOut)} ${symbol(row.tokenOut)}`
        : row.status === "failed"
          ? plain(row.errorReason)
          : `${amount(row.amountIn)} ${symbol(row.tokenIn)} → ${symbol(row.tokenOut)}`,
    );
  }
}

/** The operator's rule, where the reason does not name it. */
function unsaid({ rule, message }) {
  return rule && !message.includes(rule) ? ` (the operator's rule: ${plain(rule, 80)})` : "";
}

function field(label, name, control) {
  control.id = control.name = name;
  control.setAttribute("aria-describedby", `${name}-error`);
  if (control.tagName === "INPUT") Object.assign(control, { autocomplete: "off", spellcheck: false });
  return h(
    "div",
    { class: `field ${name}` },
    h("label", { for: name }, label),
    control,
    h("p", { id: `${name}-error`, class: "error", "aria-live": "polite" }),
  );
}

customElements.define("order-ticket", OrderTicket);
