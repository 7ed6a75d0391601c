// A row of the blotter: made once for an order, and changed only where the order has changed.

import { copyButton } from "/web/copy.js";
import { h, mark, say } from "/web/dom.js";
import { amount, moment, plain, price, shortHash, shortId } from "/web/format.js";
import { symbol } from "/web/session.js";
import { badge, setBadge, timeBar } from "/web/status.js";
import { CANCELLABLE, ENDED, times } from "/web/story.js";

export const COLUMNS = [
  "Time",
  "Order",
  "Amount in → out",
  "Status",
  "Venue",
  "Price",
  "Time in each state",
  "Tries",
  "Transaction",
];

export class Row {
  /** `cancel(id)` is called when the user wants so. */
  constructor(order, cancel) {
    this.order = order;
    this.drawn = -1;
    this.status = badge(order.status);
    this.bar = timeBar();
    const [time, amounts, state, venue, at, spent, tries, tx] = COLUMNS.slice(1).map(() => h("td", {}));
    Object.assign(this, { venue, at, tries });
    [time, null, amounts, state, venue, at, spent, tries, tx].forEach(
      (cell, i) => cell && cell.setAttribute("data-label", COLUMNS[i]),
    );
    time.className = "time";
    time.append(h("time", { datetime: order.createdAt }, moment(order.createdAt)));
    const id = h(
      "th",
      { scope: "row", "data-label": "Order" },
      h("a", { href: `#/orders/${encodeURIComponent(order.id)}`, title: order.id }, shortId(order.id)),
    );
    amounts.className = "amounts";
    this.received = h("b", {});
    amounts.append(
      `${amount(order.amountIn)} ${symbol(order.tokenIn)} → `,
      this.received,
      ` ${symbol(order.tokenOut)}`,
    );
    state.append(this.status);
    venue.className = "venue";
    at.className = "number";
    tries.className = "number tries";
    spent.className = "spent";
    spent.append(this.bar.element);
    tx.className = "tx";
    this.cancel = h(
      "button",
      {
        type: "button",
        class: "small",
        "aria-label": `Cancel order ${shortId(order.id)}`,
        onclick: () => cancel(this.order.id),
      },
      "Cancel",
    );
    this.result = h("span", { class: "result" });
    tx.append(this.result, this.cancel);
    this.element = h("tr", { "data-order": order.id }, time, id, amounts, state, venue, at, spent, tries, tx);
  }

  /** Show the order as it is. */
  draw() {
    const { order } = this;
    if (this.drawn === order.drawn) return;
    this.drawn = order.drawn;
    mark(this.element, "data-status", order.status);
    setBadge(this.status, order.status);
    say(this.received, order.amountOut === null ? "" : amount(order.amountOut));
    say(this.venue, plain(order.dexSelected ?? "–", 40));
    say(this.at, order.executedPrice === null ? "–" : price(order.executedPrice, 6));
    say(this.tries, String(order.attempts));
    this.#drawResult(order);
    this.cancel.hidden = !CANCELLABLE.has(order.status);
    this.tick(Date.now());
  }

  /** Let the time of an open order go on. */
  tick(now) {
    const { order } = this;
    this.bar.set(order.steps.length === order.seq ? times(order.steps, now) : [], !ENDED.has(order.status));
  }

  #drawResult({ status, txHash, errorReason, retry, attention }) {
    const note =
      status === "failed"
        ? errorReason
        : status === "pending" && retry
          ? `again soon: ${retry.reason}`
          : status === "submitted"
            ? attention
            : null;
    const shown = note ? `note ${note}` : txHash ? `hash ${txHash}` : "";
    if (shown === this.shown) return;
    this.shown = shown;
    if (note) this.result.replaceChildren(h("span", { class: "note", title: plain(note) }, h("bdi", {}, plain(note))));
    else if (txHash)
      this.result.replaceChildren(
        h("code", { title: plain(txHash, 200) }, plain(shortHash(txHash))),
        copyButton(txHash, "transaction hash"),
      );
    else this.result.replaceChildren();
  }
}
