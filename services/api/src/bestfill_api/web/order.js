// One order: its facts, its states over time, every attempt, every event.

import { get, orderPath, Problem } from "/web/api.js";
import { copyButton } from "/web/copy.js";
import { framed, h, mark, say } from "/web/dom.js";
import { amount, duration, moment, percent, plain, price, shortId } from "/web/format.js";
import { seen } from "/web/halt.js";
import { quoteCards } from "/web/quotes.js";
import { cancel, symbol, tokens } from "/web/session.js";
import { badge, setBadge } from "/web/status.js";
import { advance, CANCELLABLE, ENDED, step } from "/web/story.js";
import { Stream, UNAUTHORIZED } from "/web/stream.js";
import { waterfall } from "/web/waterfall.js";

const TICK_MS = 250;
const AGAIN_MS = 1_000;
const OUTCOMES = {
  landed: "landed",
  reverted: "reverted on chain: nothing was swapped",
  expired: "proven never to land",
  abandoned: "ended before anything was signed",
};

class OrderPage extends HTMLElement {
  /** Set before it is shown. */
  orderId = "";

  #order = null;
  #steps = [];
  #stream = null;
  #turn = null;
  #timer = 0;
  #reading = false;
  #stale = false;
  #status = badge("pending");
  #cancel = h("button", { type: "button", class: "small", onclick: () => this.#cancelled() }, "Cancel");
  #alert = h("p", { role: "alert", class: "alert" });
  #ending = h("p", { class: "ending" });
  #facts = h("dl", { class: "facts" });
  #waterfall = waterfall();
  #attempts = h("div", { class: "attempts" });
  #events = h("ol", { class: "events" });
  #draw = framed(() => this.isConnected && this.#order && this.#show());

  connectedCallback() {
    this.#turn = new AbortController();
    this.append(
      h("p", { class: "back" }, h("a", { href: "#/" }, "← All orders")),
      h("div", { class: "title" }, h("h1", { tabindex: -1 }, `Order ${plain(shortId(this.orderId), 20)}`)),
      this.#alert,
    );
    this.#begin(this.#turn.signal);
  }

  disconnectedCallback() {
    this.#turn.abort();
    this.#stream?.stop();
    clearInterval(this.#timer);
  }

  async #begin(signal) {
    await tokens;
    while (!signal.aborted) {
      try {
        this.#order = await get(orderPath(this.orderId), signal);
        if (!signal.aborted) this.#build();
        return;
      } catch (error) {
        if (signal.aborted) return;
        say(this.#alert, `${plain(error.message)}.`);
        if (error instanceof Problem && error.status < 500) return;
        await new Promise((done) => setTimeout(done, AGAIN_MS));
      }
    }
  }

  #build() {
    say(this.#alert, "");
    this.querySelector(".title").append(this.#status, this.#cancel);
    this.#cancel.setAttribute("aria-label", `Cancel order ${shortId(this.#order.id)}`);
    this.append(
      this.#ending,
      h("section", { class: "panel", "aria-label": "Facts" }, this.#facts),
      h("section", { class: "panel", "aria-label": "Timeline" }, this.#waterfall.element),
      h(
        "section",
        { class: "panel", "aria-labelledby": "attempts-title" },
        h("h2", { id: "attempts-title" }, "Attempts"),
        this.#attempts,
      ),
      h(
        "section",
        { class: "panel", "aria-labelledby": "events-title" },
        h("h2", { id: "events-title" }, "Events"),
        this.#events,
      ),
    );
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#stream = new Stream(`/ws/${encodeURIComponent(this.#order.id)}`, "seq", 0, {
      event: (event) => this.#heard(event),
      live: () => {},
      end: (code, reason) => code !== 1000 && code !== UNAUTHORIZED && say(this.#alert, `${plain(reason)}.`),
    });
    this.#show();
  }

  #tick() {
    if (document.hidden || ENDED.has(this.#order.status)) return;
    const now = Date.now();
    this.#waterfall.set(this.#steps, now);
    seen(this.#order, now);
  }

  #heard(event) {
    this.#steps.push(step(event));
    this.#events.append(eventItem(event));
    advance(this.#order, event);
    this.#stale = true;
    this.#draw();
  }

  #show() {
    const order = this.#order;
    setBadge(this.#status, order.status);
    this.#cancel.hidden = !CANCELLABLE.has(order.status);
    mark(this.#ending, "class", `ending ${order.status}`);
    say(this.#ending, ending(order));
    this.#facts.replaceChildren(...facts(order));
    this.#waterfall.set(this.#steps, Date.now());
    if (this.#stale) this.#readAttempts();
  }

  /** Read the attempts, and once more if something happened meanwhile. */
  async #readAttempts() {
    if (this.#reading) return;
    this.#reading = true;
    this.#stale = false;
    try {
      const { executions } = await get(orderPath(this.#order.id, "/executions"), this.#turn.signal);
      this.#attempts.replaceChildren(...executions.map((one) => attemptItem(one, symbol(this.#order.tokenOut))));
    } catch (error) {
      if (!this.#turn.signal.aborted) say(this.#alert, `The attempts could not be read: ${plain(error.message)}.`);
    }
    this.#reading = false;
    if (this.#stale) this.#draw();
  }

  async #cancelled() {
    this.#cancel.disabled = true;
    say(this.#alert, "");
    say(this.#alert, await cancel(this.#order.id));
    this.#cancel.disabled = false;
    if (document.activeElement === document.body) this.querySelector("h1").focus();
  }
}

function ending(order) {
  const [sold, paid] = [symbol(order.tokenIn), symbol(order.tokenOut)];
  if (order.status === "confirmed") {
    return `Swapped ${amount(order.amountIn)} ${sold} for ${amount(order.amountOut)} ${paid} at ${plain(order.dexSelected, 40)}, in ${took(order)}.`;
  }
  if (order.status === "failed") return `${order.errorCode}: ${plain(order.errorReason)}`;
  return `Swapping ${amount(order.amountIn)} ${sold} for ${paid}.`;
}

function took({ createdAt, completedAt }) {
  return duration(new Date(completedAt) - new Date(createdAt));
}

function facts(order) {
  const [sold, paid] = [symbol(order.tokenIn), symbol(order.tokenOut)];
  const rows = [
    ["Pair", `${sold} → ${paid}`],
    ["To sell", `${amount(order.amountIn)} ${sold}`],
    ["Received", order.amountOut === null ? "–" : `${amount(order.amountOut)} ${paid}`],
    ["Price", order.executedPrice === null ? "–" : `${price(order.executedPrice, 12)} ${paid} per ${sold}`],
    ["Venue", plain(order.dexSelected ?? "–", 40)],
    ["Minimum asked for", order.minAmountOut === null ? "none" : `${amount(order.minAmountOut)} ${paid}`],
    ["Slippage allowed", percent(order.slippageBps)],
    ["Tries", String(order.attempts)],
    ["Accepted", moment(order.createdAt)],
    ["Ended", order.completedAt === null ? `open, expires ${moment(order.expiresAt)}` : moment(order.completedAt)],
    ["User", h("bdi", {}, plain(order.userId))],
    ["Order id", id(order.id, "order id")],
    ["Transaction", order.txHash === null ? "–" : id(order.txHash, "transaction hash")],
  ];
  return rows.map(([name, value]) =>
    h("div", { class: value instanceof Element ? "wide" : null }, h("dt", {}, name), h("dd", {}, value)),
  );
}

function id(text, what) {
  return h("span", { class: "id" }, h("code", {}, plain(text, 200)), copyButton(text, what));
}

function attemptItem(one, paid) {
  const state = one.outcome === null ? "pending" : one.outcome === "landed" ? "confirmed" : "failed";
  const said = one.outcome === null ? "under way" : (OUTCOMES[one.outcome] ?? plain(one.outcome, 40));
  return h(
    "article",
    { class: "attempt", "data-attempt": one.attempt },
    h("h3", {}, `Attempt ${one.attempt} `, h("span", { class: `outcome ${state}` }, said)),
    one.errorCode &&
      h("p", { class: "error" }, h("b", {}, plain(one.errorCode, 40)), " ", h("bdi", {}, plain(one.errorReason))),
    one.attention &&
      h("p", { class: "attention" }, h("b", {}, "A person must look: "), h("bdi", {}, plain(one.attention))),
    one.quotes.length > 0 && quoteCards(one.quotes, paid),
    h(
      "dl",
      { class: "facts" },
      [
        ["Began", moment(one.startedAt)],
        ["Quotes after", one.quotedAt && duration(new Date(one.quotedAt) - new Date(one.startedAt))],
        ["Signed after", one.submittedAt && duration(new Date(one.submittedAt) - new Date(one.startedAt))],
        ["Ended after", one.endedAt && duration(new Date(one.endedAt) - new Date(one.startedAt))],
        ["Quoted", one.quotedOut && `${amount(one.quotedOut)} ${paid}`],
        ["At least", one.minOut && `${amount(one.minOut)} ${paid}`],
        ["Received", one.amountOut && `${amount(one.amountOut)} ${paid}`],
        ["Last valid block", one.lastValidBlockHeight && String(one.lastValidBlockHeight)],
        ["Signature", one.signature && id(one.signature, "signature")],
      ]
        .filter(([, value]) => value)
        .map(([name, value]) =>
          h("div", { class: value instanceof Element ? "wide" : null }, h("dt", {}, name), h("dd", {}, value)),
        ),
    ),
  );
}

function eventItem(event) {
  const json = JSON.stringify(event, null, 2)
    .split("\n")
    .map((line) => plain(line, 4_000))
    .join("\n");
  return h(
    "li",
    { "data-seq": event.seq },
    h(
      "details",
      {},
      h(
        "summary",
        {},
        h("span", { class: "seq" }, String(event.seq)),
        h("time", {}, moment(event.timestamp)),
        badge(event.status),
        h("span", { class: "note" }, plain(event.data.errorReason ?? event.data.attention ?? event.data.reason ?? "")),
      ),
      h("pre", { tabindex: 0, "aria-label": `Event ${event.seq} as JSON` }, json),
    ),
  );
}

customElements.define("order-page", OrderPage);
