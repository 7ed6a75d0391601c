// A WebSocket of the engine that outlives its connections: every event once, in order, none missing.

import { bearer, want } from "/web/access.js";
import { peek } from "/web/api.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
const STEADY_MS = 5_000;
const OPEN_MS = 10_000;

const NORMAL = 1000;
const BAD_REQUEST = 4400;
const NOT_FOUND = 4404;
/** Why a stream ends whose key is not good (any more): somebody must sign in, and then it is followed anew. */
export const UNAUTHORIZED = 4401;

/** The path with `since`, on the page's own host. */
function socketUrl(path, since) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("since", since);
  return url.href;
}

/**
 * Follows `path` after event `since`, counted by `number` ("seq" or "userSeq").
 *
 * Calls `event(message)` for each event; `live(true | false)` as connections come and go; `end(code, reason)` once,
 * when following on makes no sense: the story has ended (1000), there is none (4404), the key is not good (4401), or the
 * request does not do (4400; of a `since` ahead of the store, whoever follows must read the state anew).
 */
export class Stream {
  #path;
  #number;
  #calls;
  #since;
  #socket = null;
  #timer = 0;
  #wait = FIRST_WAIT_MS;
  #stopped = false;

  constructor(path, number, since, calls) {
    this.#path = path;
    this.#number = number;
    this.#since = since;
    this.#calls = calls;
    addEventListener("online", this.#anew);
    addEventListener("offline", this.#anew);
    document.addEventListener("visibilitychange", this.#now);
    this.#connect();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.#anew);
    removeEventListener("offline", this.#anew);
    document.removeEventListener("visibilitychange", this.#now);
    this.#leave();
  }

  #connect() {
    const who = bearer();
    const socket = new WebSocket(socketUrl(this.#path, this.#since), who ? ["bestfill", `bearer.${who}`] : []);
    let openedAt = Infinity;
    this.#socket = socket;
    this.#timer = setTimeout(this.#anew, OPEN_MS);
    socket.onopen = () => {
      clearTimeout(this.#timer);
      openedAt = performance.now();
      this.#calls.live(true);
    };
    socket.onmessage = ({ data }) => this.#take(data);
    socket.onclose = ({ code, reason }) => {
      this.#socket = null;
      clearTimeout(this.#timer);
      if (performance.now() - openedAt > STEADY_MS) this.#wait = FIRST_WAIT_MS;
      this.#closed(code, reason);
      if (who && openedAt === Infinity) this.#ask(who);
    };
  }

  #take(text) {
    const message = read(text);
    const number = message?.[this.#number];
    if (!Number.isSafeInteger(number) || number > this.#since + 1) {
      // Something is missing or broken: ask for what follows the last good one.
      this.#anew();
    } else if (number === this.#since + 1) {
      this.#since = number;
      this.#wait = FIRST_WAIT_MS;
      this.#calls.event(message);
    }
  }

  #closed(code, reason) {
    if (code === NORMAL || code === BAD_REQUEST || code === NOT_FOUND || code === UNAUTHORIZED) {
      this.stop();
      this.#calls.end(code, reason);
      if (code === UNAUTHORIZED) want(reason);
    } else {
      this.#retry();
    }
  }

  /** A browser does not say how a handshake was refused: ask whether it is for the key. */
  async #ask(who) {
    try {
      await peek("/api/ws/stats", who);
    } catch ({ status, message }) {
      if (status === 401 && !this.#stopped && who === bearer()) this.#closed(UNAUTHORIZED, message);
    }
  }

  #retry() {
    if (this.#stopped) return;
    this.#calls.live(false);
    // Half of it is chance, so that the pages of an engine that was restarted don't all come back at once.
    this.#timer = setTimeout(() => this.#connect(), this.#wait * (0.5 + Math.random() / 2));
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  /** Leave a connection that does not do or may be dead, and come back. */
  #anew = () => {
    clearTimeout(this.#timer);
    this.#leave();
    this.#retry();
  };

  #now = () => {
    if (this.#socket || document.hidden || this.#stopped) return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  #leave() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // The browser complains of one that is closed before it is open.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket.close();
  }
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
