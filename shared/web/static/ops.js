/* The operator's page looks again every few seconds while it is seen, and says in one line how all services are. */
/* global htmx */
import { localTimes } from "./hub.js";

const EVERY_MS = 5000;
const SILENT = document.getElementById("silent").content;
const overall = document.getElementById("overall");
const list = document.getElementById("what");
const parts = [...document.querySelectorAll("[data-service]")];

const partOf = (event) => event.detail.ctx.sourceElement.closest("[data-service]");

/** What came is shown, unless it is no answer of the service: then that is said, or the sign-in asked for again. */
document.addEventListener("htmx:before:response", (event) => {
  const { response, request } = event.detail.ctx;
  if (response.raw.redirected && !new URL(response.raw.url).pathname.startsWith("/ops")) {
    event.preventDefault();
    location.assign("/sign-in?next=/ops");
  } else if (response.status >= 500 || (response.status >= 400 && request.method === "GET")) {
    event.preventDefault();
    silence(partOf(event));
  }
});
document.addEventListener("htmx:error", (event) => silence(partOf(event)));
document.addEventListener("htmx:after:swap", (event) => {
  const part = partOf(event) ?? document.getElementById(event.detail.ctx.target?.id);
  if (part) localTimes(part);
  sum();
});

function silence(part) {
  const words = SILENT.cloneNode(true);
  words.querySelector("h2").textContent = part.dataset.name;
  part.replaceChildren(words);
  sum();
}

/** The worst first, each a way to its service; nothing is said well that has not been seen. */
function sum() {
  const found = parts.flatMap((part) =>
    [...part.querySelectorAll("[data-level]")].map((one) => ({ part, level: Number(one.dataset.level), text: one.textContent })),
  );
  found.sort((one, other) => other.level - one.level);
  const wrong = found.filter((one) => one.level === 2).length;
  const unseen = parts.filter((part) => part.querySelector("[data-unseen]")).length;
  const counted = [wrong && `${wrong} wrong`, found.length - wrong && `${found.length - wrong} to look at`].filter(Boolean);
  if (unseen) counted.push(`${unseen} not seen yet`);
  say(counted.join(", ") || "All well", wrong ? "red" : found.length ? "amber" : unseen ? "" : "green");
  list.replaceChildren(...found.map(line));
}

function say(words, colour) {
  overall.parentElement.className = `note ${colour}`;
  if (overall.textContent !== words) overall.textContent = words;
}

function line({ part, text }) {
  const item = document.createElement("li");
  const way = Object.assign(document.createElement("a"), { href: `#${part.id}`, textContent: part.dataset.name });
  item.append(way, `: ${text}`);
  return item;
}

function look() {
  if (!document.hidden) for (const part of parts) htmx.trigger(part, "look");
}

setInterval(look, EVERY_MS);
document.addEventListener("visibilitychange", look);
