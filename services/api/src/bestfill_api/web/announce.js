// What screen readers are told, when they have time for it.

import { h } from "/web/dom.js";

const KEPT = 5;

export function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.append(h("p", {}, text));
  while (announcer.children.length > KEPT) announcer.firstChild.remove();
}
