// Who trades here, with which tokens, and their orders: what all views share.

import { access, bearer } from "/web/access.js";
import { get, orderPath, post, refused } from "/web/api.js";
import { plain, shortHash } from "/web/format.js";
import { Orders } from "/web/orders.js";

const KEPT_AS = "bestfill.user";
const DEFAULT_USER = "trader";
const AGAIN_MS = 2_000;

export const orders = new Orders();

let user = kept();
let turns = 0;
const byMint = new Map();

/** Who trades: undefined for whoever has signed in, whom the engine knows. */
export const currentUser = () => (bearer() ? undefined : user);

/** Counts how often somebody else began to trade here. */
export const turn = () => turns;

/** Trade as somebody else. */
export function tradeAs(name) {
  user = name;
  keep(name);
  begin();
}

access.addEventListener("changed", begin);

function begin() {
  turns += 1;
  orders.follow(currentUser());
}

/** Cancel an order. Gives what to say if it is not cancelled, or may not be; else nothing. */
export async function cancel(id) {
  try {
    orders.take(await post(orderPath(id, "/cancel")));
    return "";
  } catch (problem) {
    return refused(problem)
      ? `Not cancelled: ${plain(problem.message)}.`
      : "No answer came, so the order may be cancelled or not: its status will tell.";
  }
}

/** The tokens that the engine knows, once it answers: `[{symbol, mint, decimals}]`. */
export const tokens = loadTokens();

/** What a mint is called. */
export function symbol(mint) {
  return byMint.get(mint)?.symbol ?? shortHash(mint);
}

async function loadTokens() {
  for (;;) {
    try {
      const { tokens: found } = await get("/api/tokens");
      for (const token of found) byMint.set(token.mint, token);
      return found;
    } catch {
      await new Promise((done) => setTimeout(done, AGAIN_MS));
    }
  }
}

/** A tab goes on with its own user, whoever another tab trades as; a new one begins with the last. */
function kept() {
  try {
    const name = sessionStorage.getItem(KEPT_AS) || localStorage.getItem(KEPT_AS) || DEFAULT_USER;
    sessionStorage.setItem(KEPT_AS, name);
    return name;
  } catch {
    return DEFAULT_USER;
  }
}

function keep(name) {
  try {
    sessionStorage.setItem(KEPT_AS, name);
    localStorage.setItem(KEPT_AS, name);
  } catch {
    // Storage is refused: it is remembered until the page is left.
  }
}
