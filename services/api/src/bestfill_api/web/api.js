// The engine's HTTP API. Whatever it answers, a caller gets JSON or one of the two errors below.

const TIMEOUT_MS = 15_000;

/** The engine refused: problem details (RFC 9457). `errors` has an entry for each wrong field. */
export class Problem extends Error {
  constructor(status, body) {
    super(typeof body?.detail === "string" ? body.detail : `the server answered with status ${status}`);
    this.status = status;
    this.code = typeof body?.code === "string" ? body.code : "";
    this.errors = Array.isArray(body?.errors) ? body.errors : [];
  }
}

/** No answer came, or none that could be read: what was asked may have been done or not. */
export class Unanswered extends Error {}

/** Whether the engine said no for certain. After anything else that went wrong, it may have been done. */
export const refused = (problem) => problem instanceof Problem && problem.status < 500;

export const get = (path, signal) => ask("GET", path, { signal });
export const post = (path, body, { key, signal } = {}) => ask("POST", path, { body, key, signal });
export const orderPath = (id, rest = "") => `/api/orders/${encodeURIComponent(id)}${rest}`;

/** A new idempotency key. crypto.randomUUID would need a secure context, which a host by plain HTTP is not. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(method, path, { body, key, signal }) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  if (key) headers["Idempotency-Key"] = key;
  const limit = new AbortController();
  const giveUp = () => limit.abort();
  const timer = setTimeout(giveUp, TIMEOUT_MS);
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted) giveUp();
  try {
    const answer = await fetch(path, { method, headers, body, signal: limit.signal });
    const read = await json(answer);
    if (!answer.ok) throw new Problem(answer.status, read);
    if (read === null) throw new Unanswered("the answer is no JSON: is this bestfill?");
    return read;
  } catch (error) {
    if (signal?.aborted || error instanceof Problem || error instanceof Unanswered) throw error;
    throw new Unanswered("the engine does not answer");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

async function json(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
