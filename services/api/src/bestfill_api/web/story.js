// An order as the fold of its events, as the engine folds them, and the time that it spent in each state.

export const STATES = ["pending", "routing", "building", "submitted", "confirmed", "failed"];
export const ENDED = new Set(["confirmed", "failed"]);
/** Until something is signed. */
export const CANCELLABLE = new Set(["pending", "routing", "building"]);

/** The order that its first event tells of, in the form of the API's order view. */
export function born({ orderId, data, timestamp }) {
  const at = new Date(timestamp).toISOString();
  return {
    id: orderId,
    userId: data.userId,
    tokenIn: data.tokenIn,
    tokenOut: data.tokenOut,
    amountIn: data.amountIn,
    minAmountOut: data.minAmountOut,
    slippageBps: data.slippageBps,
    status: "pending",
    dexSelected: null,
    txHash: null,
    executedPrice: null,
    amountOut: null,
    errorCode: null,
    errorReason: null,
    attempts: 1,
    createdAt: at,
    updatedAt: at,
    completedAt: null,
    expiresAt: new Date(data.expiresAt).toISOString(),
    seq: 1,
  };
}

/** Apply an order's next event to it; what it knows already is passed over. Says whether anything changed. */
export function advance(order, event) {
  const { seq, status, attempt, data, timestamp } = event;
  if (seq <= order.seq) return false;
  const at = new Date(timestamp).toISOString();
  Object.assign(order, { seq, status, attempts: attempt, updatedAt: at });
  if (status === "pending" || status === "building") Object.assign(order, { dexSelected: data.dex, txHash: null });
  if (status === "pending") order.retry = { reason: data.errorReason, at: data.retryAt };
  if (status === "submitted") Object.assign(order, { txHash: data.txHash, attention: data.attention ?? null });
  if (status === "confirmed") {
    Object.assign(order, { amountOut: data.amountOut, executedPrice: data.price, completedAt: at });
  }
  if (status === "failed") {
    Object.assign(order, { errorCode: data.errorCode, errorReason: data.errorReason, completedAt: at });
  }
  return true;
}

/** A step: what of an event its time in a state is counted by. */
export function step({ seq, status, attempt, timestamp }) {
  return { seq, status, attempt, at: timestamp };
}

/** Where each step began and ended, in epoch milliseconds; the last of an open order ends now, a final one at once. */
export function spans(steps, now) {
  return steps.map((one, i) => {
    const last = i === steps.length - 1;
    const end = last ? (ENDED.has(one.status) ? one.at : Math.max(now, one.at)) : steps[i + 1].at;
    return { ...one, end, open: last && !ENDED.has(one.status) };
  });
}

/** Milliseconds by state, over all attempts, in the order of the states. */
export function times(steps, now) {
  const sums = new Map();
  for (const { status, at, end } of spans(steps, now)) sums.set(status, (sums.get(status) ?? 0) + end - at);
  return STATES.filter((state) => sums.has(state) && !ENDED.has(state)).map((state) => [state, sums.get(state)]);
}
