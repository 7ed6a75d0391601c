// How things are written. Amounts stay the decimal strings of the API: they are cut and grouped, never made floats.

const DECIMAL = /^\d+(\.\d+)?$/;
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const COUNT = new Intl.NumberFormat("en");

/** Text from outside: what would not be seen, or would turn the text around, is shown as a mark. */
export function plain(value, most = 400) {
  const text = String(value ?? "").replace(UNSEEN, "\uFFFD");
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** "1234567.50" as "1,234,567.50": all digits of an amount. */
export function amount(text) {
  if (!DECIMAL.test(text)) return plain(text, 80);
  const [whole, fraction] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

/** A price with its first digits, rounded half up; the whole part is never cut. */
export function price(text, digits = 7) {
  if (!DECIMAL.test(text)) return plain(text, 80);
  const [whole, fraction = ""] = text.split(".");
  const leading = whole === "0" ? -fraction.match(/^0*/)[0].length : whole.length;
  const keep = Math.max(0, digits - leading);
  if (fraction.length <= keep) return amount(text);
  const units = BigInt(whole + fraction.slice(0, keep)) + (fraction[keep] >= "5" ? 1n : 0n);
  return amount(pointed(units, keep));
}

/** Base units in display units: 216157172n with 6 decimals is "216.157172". */
function pointed(units, decimals) {
  const digits = units.toString().padStart(decimals + 1, "0");
  const fraction = decimals ? digits.slice(-decimals).replace(/0+$/, "") : "";
  const whole = decimals ? digits.slice(0, -decimals) : digits;
  return fraction ? `${whole}.${fraction}` : whole;
}

/** Basis points as percent: 25 is "0.25 %". */
export function percent(bps) {
  return Number.isSafeInteger(bps) && bps >= 0 ? `${pointed(BigInt(bps), 2)} %` : "–";
}

/** An id by its ends: those of orders begin with their time, so the last digits tell them apart. */
export function shortId(id) {
  return id.length > 13 ? `${id.slice(0, 4)}…${id.slice(-6)}` : id;
}

/** A signature or address by its ends. */
export function shortHash(hash) {
  return hash.length > 13 ? `${hash.slice(0, 6)}…${hash.slice(-4)}` : hash;
}

/** Milliseconds as people say them: "340 ms", "2.4 s", "3 min 05 s". */
export function duration(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** A moment by the clock, with its day if that is not today. */
export function moment(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "–";
  const today = date.toDateString() === new Date().toDateString();
  return today ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date)}`;
}

/** A whole number, grouped. */
export function count(number) {
  return Number.isFinite(number) ? COUNT.format(number) : "–";
}
