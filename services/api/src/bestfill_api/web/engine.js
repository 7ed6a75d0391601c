// The engine at a glance: its queue, the last minutes, its venues, its sockets, its health.

import { get } from "/web/api.js";
import { latency, throughput, told } from "/web/charts.js";
import { h, mark, s, say } from "/web/dom.js";
import { count, duration, moment, plain } from "/web/format.js";
import { HALTED, heard } from "/web/halt.js";

const POLL_MS = 2_000;
const MINUTE_S = 60;

const TILES = [
  ["waitingCount", "Waiting", () => "due, no place free yet"],
  ["activeCount", "Active", (stats) => `up to ${count(stats.concurrency)} a worker`],
  ["completedCount", "Completed", () => "confirmed"],
  ["delayedCount", "Delayed", () => "wait for their next try"],
  ["failedCount", "Failed", () => "ended without a swap"],
  ["deadCount", "Needs attention", () => "a person must look"],
];
const SOCKETS = [
  ["connections", "open"],
  ["subscriptions", "streams followed"],
  ["opened", "opened since the start"],
  ["closed", "closed since"],
  ["eventsSent", "events sent"],
  ["slowClosed", "closed as too slow"],
];

class EngineGlance extends HTMLElement {
  #turn = null;
  #timer = 0;
  #last = null;
  #health = h("p", { class: "health", role: "status" }, "…");
  #tiles = new Map();
  #places = s("rect", { class: "s-submitted", x: 0, y: 0, width: 0, height: 4 });
  #minute = h("p", { class: "why" });
  #charts = [h("div", { class: "plot" }), h("div", { class: "plot" })];
  #figures = h("tbody", {});
  #table = h(
    "details",
    { ontoggle: () => this.#drawFigures() },
    h("summary", {}, "The same as a table"),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Figures of the last minutes" },
      h(
        "table",
        { class: "plain" },
        h("caption", { class: "unseen" }, "Figures of the last minutes"),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Time", "Accepted", "Confirmed", "Failed", "Half within", "95 % within"].map((name) =>
              h("th", { scope: "col" }, name),
            ),
          ),
        ),
        this.#figures,
      ),
    ),
  );
  #venues = h("tbody", {});
  #sockets = h("dl", { class: "facts" });
  #since = h("p", { class: "why" });
  #resized = new ResizeObserver(() => this.#drawCharts());
  #seen = () => document.hidden || this.#poll();

  connectedCallback() {
    this.#turn = new AbortController();
    if (!this.firstChild) this.#build();
    this.#resized.observe(this.#charts[0]);
    document.addEventListener("visibilitychange", this.#seen);
    this.#poll();
  }

  disconnectedCallback() {
    this.#turn.abort();
    clearTimeout(this.#timer);
    this.#resized.disconnect();
    document.removeEventListener("visibilitychange", this.#seen);
  }

  #build() {
    this.append(
      h("div", { class: "title" }, h("h1", { tabindex: -1 }, "Engine"), this.#health),
      h(
        "section",
        { class: "panel", "aria-labelledby": "queue-title" },
        h("h2", { id: "queue-title" }, "Orders"),
        h(
          "ul",
          { class: "tiles" },
          TILES.map(([name, label]) => this.#tile(name, label)),
        ),
      ),
      h(
        "section",
        { class: "panel", "aria-labelledby": "minutes-title" },
        h("h2", { id: "minutes-title" }, "The last minutes"),
        this.#minute,
        h(
          "div",
          { class: "plots" },
          h(
            "figure",
            {},
            h(
              "figcaption",
              {},
              "Throughput ",
              key("confirmed", "confirmed"),
              key("failed", "failed"),
              key("accepted", "accepted"),
            ),
            this.#charts[0],
          ),
          h(
            "figure",
            {},
            h(
              "figcaption",
              {},
              "Latency, accepted to confirmed ",
              key("p50", "half within"),
              key("p95", "95 % within"),
            ),
            this.#charts[1],
          ),
        ),
        this.#table,
      ),
      h(
        "div",
        { class: "two" },
        h(
          "section",
          { class: "panel", "aria-labelledby": "venues-title" },
          h("h2", { id: "venues-title" }, "Venues"),
          h(
            "table",
            { class: "plain venues" },
            h("caption", { class: "unseen" }, "Venues"),
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                ["Venue", "Health", "Asked", "Won", "Filled", "Last refusal"].map((name) =>
                  h("th", { scope: "col" }, name),
                ),
              ),
            ),
            this.#venues,
          ),
        ),
        h(
          "section",
          { class: "panel", "aria-labelledby": "sockets-title" },
          h("h2", { id: "sockets-title" }, "Sockets"),
          this.#sockets,
        ),
      ),
      this.#since,
    );
  }

  #tile(name, label) {
    const [figure, text] = [h("b", {}, "–"), h("small", {})];
    this.#tiles.set(name, { figure, text });
    const places =
      name === "activeCount" &&
      s(
        "svg",
        { class: "places", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
        this.#places,
      );
    return h("li", { "data-figure": name }, h("span", {}, label), figure, text, places);
  }

  async #poll() {
    clearTimeout(this.#timer);
    const { signal } = this.#turn;
    const answers = await Promise.allSettled(
      ["/api/queue/stats", "/api/activity", "/api/ws/stats", "/health"].map((path) => get(path, signal)),
    );
    if (signal.aborted) return;
    const [queue, activity, sockets, health] = answers.map((answer) => answer.value ?? null);
    if (queue) this.#drawQueue(queue);
    if (queue) heard(queue.halted === true);
    if (activity) this.#drawActivity(activity);
    if (sockets)
      this.#sockets.replaceChildren(
        ...SOCKETS.map(([name, label]) => h("div", {}, h("dt", {}, label), h("dd", {}, count(sockets[name])))),
      );
    const [kind, told] = !health
      ? ["bad", `Not ready: ${plain(answers[3].reason.message)}`]
      : queue?.halted === true
        ? ["fair", HALTED]
        : ["good", "Ready: the store and the queue answer"];
    mark(this.#health, "data-health", kind);
    say(this.#health, told);
    mark(this, "data-stale", queue && activity && sockets ? null : "true");
    if (!document.hidden) this.#timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  #drawQueue(stats) {
    for (const [name, , text] of TILES) {
      const tile = this.#tiles.get(name);
      say(tile.figure, count(stats[name]));
      say(tile.text, text(stats));
      mark(tile.figure.parentElement, "data-some", stats[name] > 0 ? "true" : null);
    }
    mark(this.#places, "width", Math.min(100, (100 * stats.activeCount) / Math.max(1, stats.concurrency)));
  }

  #drawActivity(activity) {
    this.#last = activity;
    const minute = activity.steps.slice(-Math.ceil(MINUTE_S / activity.stepS));
    say(this.#minute, `In the last minute: ${told(minute)}.`);
    this.#venues.replaceChildren(...activity.venues.map((venue) => venueRow(venue, activity.venues)));
    say(
      this.#since,
      `Charts, venues and sockets are as this process has seen them since ${moment(activity.startedAt)}; orders are counted over all time.`,
    );
    this.#drawCharts();
    this.#drawFigures();
  }

  #drawCharts() {
    if (!this.#last) return;
    const { steps, stepS } = this.#last;
    const width = Math.floor(this.#charts[0].clientWidth);
    if (width < 80) return;
    [throughput, latency].forEach((draw, i) => this.#charts[i].replaceChildren(draw(steps, stepS, width)));
  }

  #drawFigures() {
    if (!this.#last || !this.#table.open) return;
    const said = (ms) => (ms === null ? "–" : duration(ms));
    this.#figures.replaceChildren(
      ...this.#last.steps
        .filter((one) => one.accepted || one.confirmed || one.failed)
        .reverse()
        .map((one) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, moment(one.at)),
            [count(one.accepted), count(one.confirmed), count(one.failed), said(one.p50Ms), said(one.p95Ms)].map(
              (text) => h("td", { class: "number" }, text),
            ),
          ),
        ),
    );
  }
}

function key(kind, text) {
  return h("span", { class: `key ${kind}` }, text);
}

function venueRow({ dex, asked, quoted, won, confirmed, lastRefusal }, all) {
  const decisions = all.reduce((total, venue) => total + venue.won, 0);
  const part = (some, of) => (of ? Math.round((100 * some) / of) : 0);
  const answers = part(quoted, asked);
  const health = !asked
    ? ["idle", "not asked yet"]
    : answers >= 95
      ? ["good", `answers ${answers} %`]
      : answers >= 50
        ? ["fair", `answers only ${answers} %`]
        : ["bad", `fails: answers ${answers} %`];
  const bar = s(
    "svg",
    { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    s("rect", { class: "s-submitted", x: 0, y: 0, width: part(won, decisions), height: 8 }),
  );
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("bdi", {}, plain(dex, 40))),
    h("td", {}, h("span", { class: "health", "data-health": health[0] }, health[1])),
    h("td", { class: "number" }, count(asked)),
    h("td", {}, h("div", { class: "times" }, bar, `${part(won, decisions)} % (${count(won)})`)),
    h("td", { class: "number" }, count(confirmed)),
    h("td", { class: "refusal" }, lastRefusal ? `${moment(lastRefusal.at)} ${plain(lastRefusal.reason)}` : "none"),
  );
}

customElements.define("engine-glance", EngineGlance);
