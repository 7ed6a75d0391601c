// Idempotency keys of orders that may have been placed: each is kept until that is known, over a reload too.

import { newKey } from "/web/api.js";

const KEPT_AS = "bestfill.keys";

const keys = new Map(kept());

/** Whether this content was sent before, and what became of it is not known. */
export const unsettled = (content) => keys.has(content);

/** The key of an order's content: the same until it is settled. */
export function keyOf(content) {
  if (!keys.has(content)) {
    keys.set(content, newKey());
    keep();
  }
  return keys.get(content);
}

/** What became of it is known: the same content is another order from now on. */
export function settle(content) {
  keys.delete(content);
  keep();
}

function keep() {
  try {
    sessionStorage.setItem(KEPT_AS, JSON.stringify([...keys]));
  } catch {
    // Storage is refused: they are known until the page is left.
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT_AS)) ?? [];
  } catch {
    return [];
  }
}
