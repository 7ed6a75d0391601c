// A button that copies an id or a hash.

import { announce } from "/web/announce.js";
import { h, s } from "/web/dom.js";

const SHOWN_MS = 1_500;

/** Make the button for a text; `what` names it, as in "Copy order id". */
export function copyButton(text, what) {
  return h(
    "button",
    { type: "button", class: "copy", "aria-label": `Copy ${what}`, title: `Copy ${what}`, onclick },
    icon(),
  );

  async function onclick({ currentTarget: button }) {
    const done = await copied(text);
    button.dataset.done = done ? "yes" : "no";
    announce(done ? `Copied the ${what}` : `The ${what} could not be copied`);
    setTimeout(() => delete button.dataset.done, SHOWN_MS);
  }
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

/** The old way, for hosts by plain HTTP, where there is no clipboard. */
function copiedByHand(text) {
  const before = document.activeElement;
  const area = h("textarea", { class: "unseen", readonly: true, "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}

function icon() {
  return s(
    "svg",
    { viewBox: "0 0 16 16", "aria-hidden": "true" },
    s("rect", { x: 5.5, y: 5.5, width: 8, height: 8, rx: 1.5 }),
    s("path", { d: "M10.5 3.5v-1h-8v8h1" }),
    s("path", { class: "tick", d: "M7.5 9.5l1.5 1.6 2.8-3.2" }),
  );
}
