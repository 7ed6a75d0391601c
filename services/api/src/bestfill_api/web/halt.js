// Whether the operator has halted the engine: asked where there is reason to, and while it is so until it is resumed.

import { access } from "/web/access.js";
import { get } from "/web/api.js";
import { say, still } from "/web/dom.js";
import { orders } from "/web/session.js";
import { CANCELLABLE } from "/web/story.js";

const AGAIN_MS = 3_000;
/** An order that nothing has happened to for so long may wait for a halt to end. */
const LONG_MS = 5_000;

export const HALTED = "Halted by the operator: nothing is signed and no orders are taken until it is resumed.";

/** Tells of `resumed`. */
export const halt = new EventTarget();

const notice = document.getElementById("halted");
let [halted, asking] = [false, false];
let askedAt = -Infinity;
let timer = 0;

/** The engine has said whether it is halted. */
export function heard(now) {
  const resumed = halted && !now;
  halted = now;
  still(() => say(notice, halted ? HALTED : ""));
  clearTimeout(timer);
  if (halted) timer = setTimeout(ask, AGAIN_MS);
  if (resumed) halt.dispatchEvent(new Event("resumed"));
}

/** An order in view goes on at `now`, or waits, for whatever. */
export function seen({ status, updatedAt }, now) {
  if (CANCELLABLE.has(status) && now - new Date(updatedAt) > LONG_MS && now - askedAt > LONG_MS) ask();
}

async function ask() {
  if (asking || document.hidden) return;
  asking = true;
  askedAt = Date.now();
  let now = halted;
  try {
    now = (await get("/api/queue/stats")).halted === true;
  } catch {
    // It is not known: what was heard last stands.
  }
  asking = false;
  heard(now);
}

access.addEventListener("halted", () => heard(true));
orders.addEventListener("live", ({ detail }) => detail.live && ask());
document.addEventListener("visibilitychange", () => (halted || orders.live) && ask());
