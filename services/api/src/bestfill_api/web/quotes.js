// What each venue offered, side by side.

import { h } from "/web/dom.js";
import { amount, percent, plain } from "/web/format.js";

/** Cards of quote views; `symbol` is that of the token paid out. */
export function quoteCards(quotes, symbol) {
  return h(
    "ul",
    { class: "quotes" },
    quotes.map((quote) => card(quote, symbol)),
  );
}

function card(quote, symbol) {
  const offered = quote.amountOut !== null;
  return h(
    "li",
    { class: "quote", "data-dex": quote.dex, "data-chosen": quote.chosen ? "true" : "false" },
    h("h3", {}, h("bdi", {}, plain(quote.dex, 40)), quote.chosen && h("span", { class: "chosen" }, "✓ chosen")),
    offered
      ? h("p", { class: "pays" }, h("b", {}, amount(quote.amountOut)), ` ${symbol}`)
      : h("p", { class: "pays none" }, "no quote"),
    offered && h("p", { class: "terms" }, `fee ${percent(quote.feeBps)} · impact ${percent(quote.priceImpactBps)}`),
    h("p", { class: "reason" }, h("bdi", {}, plain(quote.reason))),
  );
}
