// How a state looks: by its word, its shape and its colour, so that none of them has to be seen.

import { h, mark, s, say } from "/web/dom.js";
import { ENDED } from "/web/story.js";
import { duration } from "/web/format.js";

/** How full the disc of each state is, in quarters. */
const QUARTERS = { pending: 0, routing: 1, building: 2, submitted: 3 };
const WEDGES = ["", "M8 8V2A6 6 0 0 1 14 8Z", "M8 8V2A6 6 0 0 1 8 14Z", "M8 8V2A6 6 0 1 1 2 8Z"];

/** A badge of a state. */
export function badge(status) {
  const element = h("span", { class: "badge" });
  setBadge(element, status);
  return element;
}

export function setBadge(element, status) {
  if (element.dataset.state === status) return;
  element.dataset.state = status;
  element.replaceChildren(icon(status), status);
}

/** A disc that fills as the order goes on; a tick or a cross in the end. */
export function icon(status) {
  const shape = { confirmed: "M4.8 8.3l2.2 2.3 4.3-5", failed: "M5.3 5.3l5.4 5.4M10.7 5.3l-5.4 5.4" }[status];
  return s(
    "svg",
    { class: `icon ${ENDED.has(status) ? "ended" : ""}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
    s("circle", { cx: 8, cy: 8, r: shape ? 7 : 6 }),
    shape ? s("path", { class: "sign", d: shape }) : s("path", { class: "wedge", d: WEDGES[QUARTERS[status] ?? 0] }),
  );
}

/** Times by state as one stacked bar with its words; `set` shows others. */
export function timeBar() {
  const bar = s("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  const words = h("span", {});
  let shown = "";
  return {
    element: h("div", { class: "times" }, bar, words),
    /** `sums` as of story.times; `open` if the order has not ended. */
    set(sums, open) {
      const all = sums.reduce((total, [, ms]) => total + ms, 0);
      const widths = sums.map(([state, ms]) => [state, all ? Math.round((ms / all) * 1_000) / 10 : 0]);
      if (shown !== (shown = JSON.stringify(widths))) {
        let x = 0;
        bar.replaceChildren(
          ...widths.map(([state, width]) => {
            const part = s("rect", { class: `s-${state}`, x, y: 0, width, height: 8 });
            x += width;
            return part;
          }),
        );
      }
      // States that took no time to speak of are left out, unless the order stands in one of them.
      const last = sums.length - 1;
      const telling = sums.filter(([, ms], i) => ms >= 50 || (open && i === last));
      say(words, telling.length ? worded(telling) : all ? duration(all) : "");
      mark(bar, "class", sums.length ? "bar" : "bar none");
    },
  };
}

/** "routing 2.4 · submitted 2.6 s"; longer times each with their unit. */
function worded(sums) {
  if (sums.some(([, ms]) => ms >= 99_950)) return sums.map(([state, ms]) => `${state} ${duration(ms)}`).join(" · ");
  return `${sums.map(([state, ms]) => `${state} ${(ms / 1_000).toFixed(1)}`).join(" · ")} s`;
}
