// Charts of the last minutes, as SVG. The figures are counts and milliseconds, not money, so numbers will do.

import { s } from "/web/dom.js";
import { count, duration } from "/web/format.js";

const HEIGHT = 150;
const LEFT = 46;
const BOTTOM = 20;
const TOP = 8;

/** Orders that ended in each step: confirmed, and failed on top of them; a line for those accepted. */
export function throughput(steps, stepS, width) {
  const top = nice(Math.max(1, ...steps.map((one) => Math.max(one.accepted, one.confirmed + one.failed))));
  const { y, x, wide, parts } = frame(steps, stepS, width, top, count);
  steps.forEach((one, i) => {
    const [won, lost] = [y(one.confirmed), y(one.confirmed + one.failed)];
    if (one.confirmed)
      parts.push(s("rect", { class: "s-confirmed", x: x(i), y: won, width: wide, height: y(0) - won }));
    if (one.failed) parts.push(s("rect", { class: "s-failed", x: x(i), y: lost, width: wide, height: won - lost }));
  });
  parts.push(
    ...lines(
      steps.map((one) => one.accepted),
      x,
      y,
      wide,
      "line accepted",
    ),
  );
  return chart(parts, width, `Orders per ${stepS} seconds over the last ${span(steps, stepS)}: ${told(steps)}`);
}

/** From acceptance to confirmation, the median and the 95th percentile of each step. */
export function latency(steps, stepS, width) {
  const top = nice(Math.max(10, ...steps.map((one) => one.p95Ms ?? 0)));
  const { y, x, wide, parts } = frame(steps, stepS, width, top, duration);
  parts.push(
    ...lines(
      steps.map((one) => one.p95Ms),
      x,
      y,
      wide,
      "line p95",
    ),
    ...lines(
      steps.map((one) => one.p50Ms),
      x,
      y,
      wide,
      "line p50",
    ),
  );
  const last = steps.findLast((one) => one.p50Ms !== null);
  const said = last
    ? `of late half took at most ${duration(last.p50Ms)}, 95 % at most ${duration(last.p95Ms)}`
    : "nothing was confirmed yet";
  return chart(parts, width, `Time from acceptance to confirmation over the last ${span(steps, stepS)}: ${said}`);
}

/** "23 accepted, 21 confirmed, 2 failed". */
export function told(steps) {
  const sum = (name) => steps.reduce((total, one) => total + one[name], 0);
  return ["accepted", "confirmed", "failed"].map((name) => `${count(sum(name))} ${name}`).join(", ");
}

function span(steps, stepS) {
  const seconds = steps.length * stepS;
  return seconds < 90 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;
}

/** Axes, grid and scales; the newest step is at the right end, and a short history does not fill the width. */
function frame(steps, stepS, width, top, name) {
  const slots = Math.max(steps.length, 24);
  const slot = (width - LEFT) / slots;
  const x = (i) => round(LEFT + (slots - steps.length + i) * slot);
  const y = (value) => round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(value, top) / top));
  const parts = [0, 0.5, 1]
    .map((part) => top * part)
    .flatMap((value) => [
      s("line", { class: "grid", x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
      s("text", { class: "tick end", x: LEFT - 6, y: y(value) + 4 }, value ? name(value) : "0"),
    ]);
  const minutes = Math.max(1, Math.ceil((slots * stepS) / 60 / 5));
  for (let ago = 0; ago * 60 <= slots * stepS; ago += minutes) {
    const at = round(width - ((ago * 60) / stepS) * slot);
    const place = ago === 0 ? "end" : at < LEFT + 20 ? "start" : "middle";
    parts.push(s("text", { class: `tick ${place}`, x: at, y: HEIGHT - 4 }, ago === 0 ? "now" : `${ago} min`));
  }
  return { x, y, wide: Math.max(1, round(slot - (slot > 3 ? 1 : 0.3))), parts };
}

/** A line through what is known; where something is not, it breaks, and a single value is a dot. */
function lines(values, x, y, wide, kind) {
  const runs = [[]];
  values.forEach((value, i) => (value === null ? runs.push([]) : runs.at(-1).push([round(x(i) + wide / 2), y(value)])));
  return runs
    .filter((run) => run.length)
    .map((run) =>
      run.length === 1
        ? s("circle", { class: `${kind} dot`, cx: run[0][0], cy: run[0][1], r: 2 })
        : s("polyline", { class: kind, points: run.map((point) => point.join(",")).join(" ") }),
    );
}

function chart(parts, width, label) {
  return s(
    "svg",
    { class: "chart", role: "img", "aria-label": label, viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT },
    ...parts,
  );
}

/** The next of 1, 2, 4, 10, 20, 40 …, whose half is round too. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 10].map((part) => part * power).find((step) => step >= value);
}

function round(value) {
  return Math.round(value * 10) / 10;
}
