// Who trades here, with which tokens, and their orders: what all views share.

import { get } from "/web/api.js";
import { shortHash } from "/web/format.js";
import { Orders } from "/web/orders.js";

const KEPT_AS = "bestfill.user";
const DEFAULT_USER = "trader";
const AGAIN_MS = 2_000;

export const orders = new Orders();

let user = kept();
const byMint = new Map();

export const currentUser = () => user;

/** Trade as somebody else. */
export function tradeAs(name) {
  user = name;
  try {
    localStorage.setItem(KEPT_AS, name);
  } catch {
    // Storage is refused: it is remembered until the page is left.
  }
  orders.follow(name);
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

function kept() {
  try {
    return localStorage.getItem(KEPT_AS) || DEFAULT_USER;
  } catch {
    return DEFAULT_USER;
  }
}
