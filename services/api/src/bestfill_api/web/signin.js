// Signing in where the engine wants to know who asks, and signing out.

import { access, bearer, signedOut, signIn, signOut, sound } from "/web/access.js";
import { peek, Problem } from "/web/api.js";
import { h, mark, say } from "/web/dom.js";
import { plain } from "/web/format.js";
import { orders } from "/web/session.js";

const button = document.getElementById("sign");
const notice = document.getElementById("notice");
const field = h("input", {
  id: "key",
  type: "password",
  autocomplete: "off",
  autocapitalize: "off",
  spellcheck: "false",
  "aria-describedby": "key-error",
});
const error = h("p", { id: "key-error", role: "alert", class: "error" });
const dialog = h(
  "dialog",
  { "aria-labelledby": "sign-in-title" },
  h(
    "form",
    { novalidate: true, onsubmit: submit },
    h("h2", { id: "sign-in-title" }, "Sign in"),
    h("p", { class: "why" }, "This engine asks who you are. Your key stays in this tab, until you close it or sign out."),
    h("label", { for: "key" }, "Key or token"),
    field,
    error,
    h(
      "div",
      { class: "choices" },
      h("button", { class: "primary" }, "Sign in"),
      h("button", { type: "button", class: "small", onclick: () => dialog.close() }, "Not now"),
    ),
  ),
);
let asking = false;
/** Whether somebody has said not to be asked for a key. */
let declined = false;
let quiet = 0;

async function submit(event) {
  event.preventDefault();
  if (asking) return;
  const text = field.value.trim();
  if (!sound(text)) return refuse(text ? "That is no key: it has characters that no key has." : "Enter your key.");
  asking = true;
  try {
    await peek("/api/tokens", text);
  } catch (problem) {
    return refuse(said(problem));
  } finally {
    asking = false;
  }
  refuse("");
  signIn(text);
  dialog.close();
}

function said(problem) {
  const why = `${plain(problem.message)}.`;
  return problem instanceof Problem && problem.status === 401 ? `The engine does not take this key: ${why}` : why;
}

function refuse(text) {
  say(error, text);
  mark(field, "aria-invalid", text ? "true" : null);
  if (text) field.select();
}

function show(reason = "") {
  if (dialog.open) return;
  field.value = "";
  refuse(reason && `The key is not good any more: ${plain(reason)}.`);
  dialog.showModal();
}

/** What stands in the header: whose orders these are, once that is known, and the way out or in. */
function draw() {
  const [user, userId] = [document.getElementById("user"), document.getElementById("userId")];
  say(button, bearer() ? "Sign out" : "Sign in");
  if (bearer()) button.hidden = false;
  const owner = orders.rows[0]?.userId ?? "";
  user.hidden = bearer() ? !owner : signedOut();
  userId.readOnly = bearer() !== "";
  if (bearer()) userId.value = owner;
}

document.body.append(dialog);
dialog.addEventListener("close", () => {
  field.value = ""; // no secret stays in the page's elements
  declined = !bearer();
});
button.addEventListener("click", () => (bearer() ? signOut() : show()));
access.addEventListener("wanted", ({ detail }) => {
  button.hidden = false;
  draw();
  if (detail.reason || !declined) show(detail.reason);
});
access.addEventListener("changed", draw);
access.addEventListener("busy", ({ detail: { seconds } }) => {
  clearTimeout(quiet);
  say(notice, `Too many requests; again in ${seconds} s.`);
  quiet = setTimeout(() => say(notice, ""), seconds * 1_000);
});
orders.addEventListener("change", () => bearer() && draw());
draw();
