// The page: which view is shown, who trades, whether it is live, and the keys.

import { plain, shortId } from "/web/format.js";
import { h, mark, say } from "/web/dom.js";
import { access, bearer } from "/web/access.js";
import { currentUser, orders, tokens, tradeAs } from "/web/session.js";
import "/web/blotter.js";
import "/web/engine.js";
import "/web/order.js";
import "/web/signin.js";
import "/web/ticket.js";

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const userForm = document.getElementById("user");
const userField = document.getElementById("userId");
const userError = document.getElementById("userId-error");
const notice = document.getElementById("notice");

const ticket = document.createElement("order-ticket");
const blotter = document.createElement("order-blotter");
const glance = document.createElement("engine-glance");
const trading = [h("h1", { class: "unseen", tabindex: -1 }, "Trade"), ticket, blotter];

function shown() {
  const path = location.hash.replace(/^#\/?/, "");
  const order = /^orders\/([^/]+)$/.exec(path)?.[1];
  if (order !== undefined) return orderView(decoded(order));
  if (path === "engine") return { title: "Engine", link: "#/engine", elements: [glance] };
  return { title: "Trade", link: "#/", elements: trading };
}

function orderView(id) {
  const page = document.createElement("order-page");
  page.orderId = id;
  return { title: `Order ${plain(shortId(id), 20)}`, link: null, elements: [page] };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function route(first = false) {
  const { title, link, elements } = shown();
  main.replaceChildren(...elements);
  document.title = `${title} · bestfill`;
  for (const a of document.querySelectorAll("nav a"))
    mark(a, "aria-current", a.getAttribute("href") === link ? "page" : null);
  if (first) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

function changeUser() {
  if (bearer()) return;
  const name = userField.value.trim() || currentUser(); // who trades is never hidden
  userField.value = name;
  if (name === currentUser()) return;
  say(userError, "");
  mark(userField, "aria-invalid", null);
  tradeAs(name);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("dialog")) return;
  if (event.key === "Escape" && location.hash.startsWith("#/orders/")) location.hash = "#/";
  if (event.target.closest?.("input, select, textarea")) return;
  const act = { n: () => ticket.begin(), "/": () => blotter.find() }[event.key];
  if (!act) return;
  event.preventDefault();
  if (main.contains(ticket)) return act();
  location.hash = "#/";
  addEventListener("hashchange", act, { once: true });
}

if (!bearer()) userField.value = currentUser();
userForm.addEventListener("submit", (event) => event.preventDefault());
userForm.addEventListener("submit", changeUser);
userField.addEventListener("change", changeUser);
orders.addEventListener("live", ({ detail }) => {
  connection.dataset.state = detail.live ? "live" : "lost";
  say(connection, detail.live ? "Live" : "Reconnecting…");
});
orders.addEventListener("refused", ({ detail: { problem } }) => {
  say(connection, "Not connected");
  if (bearer()) return say(notice, `${plain(problem.message)}.`);
  say(userError, plain(problem.errors.find((error) => error.field === "userId")?.message ?? problem.message));
  mark(userField, "aria-invalid", "true");
});
access.addEventListener("wanted", () => {
  connection.dataset.state = "out";
  say(connection, "Not signed in");
});
access.addEventListener("changed", () => {
  say(notice, "");
  if (!bearer()) userField.value = currentUser();
  if (location.hash.startsWith("#/orders/")) route(true); // it may be another's
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // its hash would be another view
  main.focus();
});
addEventListener("keydown", press);
addEventListener("hashchange", () => route());
route(true);
tokens.then(() => orders.follow(currentUser()));
