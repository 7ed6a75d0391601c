// The engine's HTTP API. Whatever it answers, a caller gets JSON or one of the two errors below.

import { bearer, busy, signedIn, stopped, want } from "/web/access.js";

const TIMEOUT_MS = 15_000;
/** The rule that forbids all orders, until the operator resumes the engine. */
export const HALT = "halt";
/** For how long an answer can have the page wait, and for how long if it does not say. */
const [AWAY_MAX_S, AWAY_S] = [120, 5];

/**
 * The engine refused: problem details (RFC 9457). `errors` has an entry for each wrong field, `rule` names the one of the
 * operator's that forbids it, `seconds` is how long to leave the engine alone.
 */
export class Problem extends Error {
  constructor(status, body, seconds = 0) {
    const detail = typeof body?.detail === "string" ? body.detail : `the server answered with status ${status}`;
    super(status === 429 ? `too many requests; again in ${seconds} s` : detail);
    this.status = status;
    this.seconds = seconds;
    this.rule = typeof body?.rule === "string" ? body.rule : "";
    this.code = typeof body?.code === "string" ? body.code : "";
    this.errors = Array.isArray(body?.errors) ? body.errors : [];
  }
}

/** No answer came, or none that could be read: what was asked may have been done or not. */
export class Unanswered extends Error {}

/** Whether the engine said no for certain. After anything else that went wrong, it may have been done. */
export const refused = (problem) => problem instanceof Problem && problem.status < 500;

/** Read. Where the engine wants a key, or a pause, it is asked again once there was one. */
export async function get(path, signal) {
  for (;;) {
    const who = bearer();
    try {
      return await ask("GET", path, { who, signal });
    } catch (problem) {
      if (problem.status === 401) await (bearer() && bearer() !== who ? null : signedIn(signal));
      else if (problem.status === 429) await pause(problem.seconds, signal);
      else throw problem;
    }
  }
}

/** Read once, as the owner of this key. */
export const peek = (path, who) => ask("GET", path, { who, asked: false });

export const post = (path, body, { key, signal } = {}) => ask("POST", path, { body, key, signal, who: bearer() });
export const orderPath = (id, rest = "") => `/api/orders/${encodeURIComponent(id)}${rest}`;

/** A new idempotency key. crypto.randomUUID would need a secure context, which a host by plain HTTP is not. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Unless not `asked` by the page itself, it hears when the key does not do, and when it asks too much. */
async function ask(method, path, { body, key, signal, who, asked = true }) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  if (who) headers.Authorization = `Bearer ${who}`;
  if (key) headers["Idempotency-Key"] = key;
  const limit = new AbortController();
  const giveUp = () => limit.abort();
  const timer = setTimeout(giveUp, TIMEOUT_MS);
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted) giveUp();
  try {
    const answer = await fetch(path, { method, headers, body, signal: limit.signal });
    const read = await json(answer);
    if (!answer.ok) throw refusal(answer, read, asked ? who : null);
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

function refusal(answer, read, who) {
  const told = Math.ceil(Number(answer.headers.get("Retry-After"))) || AWAY_S;
  const problem = new Problem(answer.status, read, Math.min(Math.max(told, 1), AWAY_MAX_S));
  if (who === null) return problem;
  if (problem.status === 401 && who === bearer()) want(problem.message);
  if (problem.status === 429) busy(problem.seconds);
  if (problem.rule === HALT) stopped();
  return problem;
}

function pause(seconds, signal) {
  return new Promise((done, fail) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) fail(signal.reason);
      else done();
    };
    const timer = setTimeout(end, seconds * 1_000);
    signal?.addEventListener("abort", end);
  });
}

async function json(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
