// When each state of an order began and how long it took, on one scale.

import { h, mark, s, say } from "/web/dom.js";
import { duration, moment } from "/web/format.js";
import { badge } from "/web/status.js";
import { spans } from "/web/story.js";

const SCALE = 1_000;
/** So that a state of no length is seen. */
const THIN = 5;

/** Make a table of steps; `set(steps, now)` shows others, or the same later. */
export function waterfall() {
  const body = h("tbody", {});
  const rows = [];
  const element = h(
    "table",
    { class: "waterfall" },
    h("caption", {}, "Timeline"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["State", "Try", "Began", "Took"].map((name) => h("th", { scope: "col" }, name)),
        h("td", { class: "lane" }),
      ),
    ),
    body,
  );
  return {
    element,
    set(steps, now) {
      const all = spans(steps, now);
      const start = all[0]?.at ?? 0;
      const length = Math.max(1, (all.at(-1)?.end ?? 0) - start);
      all.slice(rows.length).forEach((span) => {
        const row = made(span, start);
        rows.push(row);
        body.append(row.element);
      });
      all.forEach((span, i) => {
        const wide = Math.max(THIN, ((span.end - span.at) / length) * SCALE);
        mark(rows[i].bar, "x", Math.min(((span.at - start) / length) * SCALE, SCALE - wide).toFixed(1));
        mark(rows[i].bar, "width", wide.toFixed(1));
        mark(rows[i].bar, "class", `s-${span.status}${span.open ? " open" : ""}`);
        say(
          rows[i].took,
          i === all.length - 1 && !span.open ? "" : `${duration(span.end - span.at)}${span.open ? " so far" : ""}`,
        );
      });
    },
  };
}

function made(span, start) {
  const bar = s("rect", { y: 0, height: 10 });
  const took = h("td", { class: "number" });
  const began = span.at === start ? moment(span.at) : `+${duration(span.at - start)}`;
  const lane = s("svg", { viewBox: `0 0 ${SCALE} 10`, preserveAspectRatio: "none", "aria-hidden": "true" }, bar);
  const element = h(
    "tr",
    {},
    h("th", { scope: "row" }, badge(span.status)),
    h("td", { class: "number" }, String(span.attempt)),
    h("td", { class: "number" }, began),
    took,
    h("td", { class: "lane" }, lane),
  );
  return { element, bar, took };
}
