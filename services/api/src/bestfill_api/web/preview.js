// What an order would be offered now: asked anew as the ticket changes, and when the answer is old and somebody looks.

import { HALT, post, Unanswered } from "/web/api.js";
import { h, mark, say } from "/web/dom.js";
import { amount, moment, plain, price } from "/web/format.js";
import { quoteCards } from "/web/quotes.js";
import { symbol } from "/web/session.js";
import { icon } from "/web/status.js";

const PAUSE_MS = 300;
const STALE_MS = 15_000;
/** What passes: when somebody has signed in, after a while, or when the engine is resumed. */
const passing = ({ status, rule }) => status === 401 || status === 429 || rule === HALT;

const ANEW =
  "An order asks every venue anew. For a bound that holds whatever they say then, set “Minimum received”.";
const STEPS = [
  ["pending", "stored, waits for a free place"],
  ["routing", "every venue is asked for a quote"],
  ["building", "the best one is chosen, the swap is built"],
  ["submitted", "signed, recorded, sent to the chain"],
  ["confirmed", "landed: never less than the minimum"],
];

/** The region of the quotes. `onproblem(problem | null)` hears what is wrong with the fields, or that nothing is. */
class OrderPreview extends HTMLElement {
  onproblem = () => {};

  #asked = null;
  #body = null;
  #pause = 0;
  #stale = 0;
  #answeredAt = 0;
  #state = h("p", { class: "state" });
  #content = h("div", { class: "content" });

  connectedCallback() {
    if (!this.firstChild) {
      this.append(
        h(
          "section",
          { role: "region", "aria-label": "Quotes", class: "panel" },
          h("div", { class: "bar-line" }, h("h2", {}, "Quotes"), this.#state),
          this.#content,
        ),
      );
      this.#idle();
    }
    this.refresh();
  }

  disconnectedCallback() {
    this.#stop();
  }

  /** Show what this body (JSON, or null for nothing) would be offered, a little later. */
  show(body, now = false) {
    if (body === this.#body) return;
    this.#body = body;
    this.#stop();
    if (body === null) return this.#idle();
    this.#content.replaceChildren(); // figures of another order must not stand beside this one
    this.#dim("asking every venue…");
    this.#pause = setTimeout(() => this.#ask(), now ? 0 : PAUSE_MS);
  }

  /** Ask again, if the last answer is old and somebody looks. */
  refresh() {
    if (this.#body !== null && !this.#stale && !this.#asked && this.isConnected) this.#ask();
  }

  async #ask() {
    this.#stop();
    const turn = (this.#asked = new AbortController());
    this.#dim("asking every venue…");
    try {
      const preview = await post("/api/quotes", this.#body, { signal: turn.signal });
      if (turn !== this.#asked) return;
      this.#draw(preview);
      this.onproblem(null);
    } catch (problem) {
      if (turn !== this.#asked) return;
      const wrong = problem.errors?.length > 0;
      this.#note(wrong ? "Mend the marked field to see quotes." : plain(problem.message));
      if (wrong) this.onproblem(problem); // any other says nothing of the fields
      if (problem instanceof Unanswered || passing(problem)) return void (this.#asked = null); // the next `refresh` asks again
    }
    this.#asked = null;
    this.#stale = setTimeout(() => this.#old(), STALE_MS);
  }

  #old() {
    this.#stale = 0;
    if (!document.hidden && this.parentElement?.contains(document.activeElement)) this.refresh();
    else if (this.#content.querySelector(".quotes")) say(this.#state, `old: as of ${moment(this.#answeredAt)}`);
  }

  #stop() {
    this.#asked?.abort();
    this.#asked = null;
    clearTimeout(this.#pause);
    clearTimeout(this.#stale);
    this.#stale = 0;
  }

  #draw(preview) {
    const [paid, sold] = [symbol(preview.tokenOut), symbol(preview.tokenIn)];
    const chosen = preview.chosen !== null;
    this.#content.replaceChildren(
      chosen
        ? h(
            "p",
            { class: "headline" },
            "At these quotes you receive at least ",
            h("b", {}, amount(preview.minOut)),
            ` ${paid}`,
          )
        : h("p", { class: "headline none" }, "No venue can fill this now"),
      h(
        "p",
        { class: "why" },
        chosen && `${amount(preview.amountOut)} ${paid} expected, at ${price(preview.price)} ${paid} per ${sold}. `,
        chosen && h("bdi", {}, h("b", {}, plain(preview.chosen, 40))),
        chosen && " ",
        h("bdi", {}, plain(preview.reason)),
        ".",
      ),
      quoteCards(preview.quotes, paid),
      h("p", { class: "why" }, chosen && ANEW),
    );
    this.#answeredAt = Date.now();
    say(this.#state, `as of ${moment(this.#answeredAt)}`);
    this.#busy(false);
  }

  #dim(text) {
    if (!this.#content.querySelector(".quotes")) {
      this.#content.replaceChildren(
        h("p", { class: "headline waiting" }, "…"),
        h("p", { class: "why" }, "Venues take a moment to answer."),
      );
    }
    say(this.#state, text);
    this.#busy(true);
  }

  #note(text) {
    this.#content.replaceChildren(h("p", { class: "empty" }, text));
    say(this.#state, "");
    this.#busy(false);
  }

  #idle() {
    this.#content.replaceChildren(
      h(
        "p",
        { class: "why" },
        "Enter an amount to see what every venue would pay. An order then goes through these states:",
      ),
      h(
        "ol",
        { class: "steps" },
        STEPS.map(([state, text]) =>
          h(
            "li",
            { "data-state": state },
            h("span", { class: "badge", "data-state": state }, icon(state), state),
            h("span", {}, text),
          ),
        ),
      ),
    );
    say(this.#state, "");
    this.#busy(false);
  }

  #busy(busy) {
    mark(this.#content, "aria-busy", busy ? "true" : null);
  }
}

customElements.define("order-preview", OrderPreview);
