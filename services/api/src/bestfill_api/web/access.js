// Who asks: the key of whoever has signed in, known to this tab alone, and what the engine says of it.

const KEPT_AS = "bestfill.credential";
/** What a header and the name of a WebSocket's protocol can both hold, as every key and token does. */
const SOUND = /^[\w.~+-]{1,8000}$/;

let key = kept();
let wanted = false;

/**
 * Tells of `wanted` (`reason`: why a key that there was is not good, or none), of `changed` when somebody has signed in
 * or out, of `busy` (`seconds`) when the engine has more to do than it will, and of `halted` when it refuses for that.
 */
export const access = new EventTarget();

/** The key, or "" where nobody has signed in. */
export const bearer = () => key;

/** Whether the engine wants a key, and nobody has signed in. */
export const signedOut = () => wanted && !key;

export const sound = (text) => SOUND.test(text);

export function signIn(text) {
  keep(text);
  tell("changed");
}

export function signOut() {
  keep("");
  tell("changed");
}

/** The engine wants a key, or another one. Whatever is shown stays. */
export function want(reason) {
  const had = key !== "";
  if (had) keep("");
  wanted = true;
  tell("wanted", { reason: had ? reason || "it was refused" : "" });
}

export const busy = (seconds) => tell("busy", { seconds });
export const stopped = () => tell("halted");

/** Wait until somebody has signed in. */
export function signedIn(signal) {
  return new Promise((done, fail) => {
    const end = () => {
      if (!key && !signal?.aborted) return;
      access.removeEventListener("changed", end);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted) fail(signal.reason);
      else done();
    };
    access.addEventListener("changed", end);
    signal?.addEventListener("abort", end);
  });
}

function tell(name, detail) {
  access.dispatchEvent(new CustomEvent(name, { detail }));
}

function keep(text) {
  key = text;
  try {
    if (text) sessionStorage.setItem(KEPT_AS, text);
    else sessionStorage.removeItem(KEPT_AS);
  } catch {
    // Storage is refused: it is remembered until the page is left.
  }
}

function kept() {
  try {
    const text = sessionStorage.getItem(KEPT_AS) ?? "";
    return SOUND.test(text) ? text : "";
  } catch {
    return "";
  }
}
