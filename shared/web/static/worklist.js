/* The worklist looks again by itself: politely, so that focus, scrolling and open sections stay where they are. */
import { localTimes } from "./hub.js";

const lists = () => document.getElementById("lists");
const fresh = document.getElementById("fresh");
const EVERY = Number(lists().dataset.refresh) * 1000;

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/worklist", { headers: { Accept: "text/html" } });
    if (new URL(answer.url).pathname !== "/worklist") return say("You are signed out. Sign in again to see what is new.");
    if (!answer.ok) return say("The list could not be refreshed; it is tried again.");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("lists");
    if (page) show(document.adoptNode(page));
  } catch {
    say("The hub does not answer; this list may be old. It is tried again.");
  }
}

function show(page) {
  const focused = document.activeElement?.id;
  const open = ["finished", "tests"].map((id) => [id, document.getElementById(id)?.open]);
  const before = ids(lists());
  const came = ids(page).filter((id) => !before.includes(id)).length;
  for (const [id, was] of open) {
    const section = page.querySelector(`#${id}`);
    if (section && was !== undefined) section.open = was;
  }
  localTimes(page);
  if (page.innerHTML !== lists().innerHTML) lists().replaceWith(page);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  say(came ? `${came} new in the list.` : "");
}

const ids = (root) => [...root.querySelectorAll(".list .open")].map((link) => link.id);
const say = (words) => {
  if (fresh.textContent !== words) fresh.textContent = words;
};

setInterval(refresh, EVERY);
document.addEventListener("visibilitychange", refresh);
