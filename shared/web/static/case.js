/* The page of a case: forms are sent without a reload, so that the image stays as the reader has set it and no typed
   word is lost to a refusal, an ended session or a silent network. Without this script every form works by itself. */
import { localTimes } from "./hub.js";

const RENEW_EVERY = 10 * 60 * 1000;
const DRAFT_AFTER = 1500;
let keeping;
const work = () => document.getElementById("work");

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-swap]");
  if (!form) return;
  event.preventDefault();
  send(form, event.submitter);
});

async function send(form, button) {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  if (form.dataset.draft) clearTimeout(keeping);
  const body = new URLSearchParams(new FormData(form, button));
  const address = form.getAttribute("action"); // a button named `action` would hide form.action
  try {
    const post = () => fetch(address, { method: "POST", headers: { Accept: "text/html" }, body });
    let answer = await post();
    if (answer.status === 401 && (await renew())) answer = await post();
    if (answer.status === 401) return say("You are signed out. Nothing is lost: sign in again in another tab, then press the button again.", "/sign-in");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.getElementById("work")) swap(page, form, /(impression|reveal)$/.test(address) ? "#ai h2" : "#now");
    else say(`${page.querySelector("h1")?.textContent ?? "The hub could not do this"}. What you typed is still here; try again.`);
  } catch {
    say("The hub does not answer. What you typed is still here; try again in a moment.");
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/** Put the new state of the case in place of the old; words in boxes of other forms are carried over. */
function swap(page, form, next) {
  const made = document.adoptNode(page.getElementById("work"));
  for (const box of work().querySelectorAll("textarea, #announced, #appointment")) {
    const same = made.querySelector(`[id="${box.id}"]`);
    if (!same || form.contains(box)) continue;
    if (box.type === "checkbox") same.checked = box.checked;
    else if (box.value) same.value = box.value; // newer than the draft that the hub kept
  }
  const [before, after] = [document.getElementById("patient"), made.querySelector("#patient")];
  if (before && after) after.open ||= before.open;
  localTimes(made);
  work().replaceWith(made);
  replace(page, "state");
  showAi(page);
  const target = document.querySelector("#refused") ?? document.querySelector(next) ?? document.querySelector("#now");
  target?.focus({ preventScroll: true });
  target?.scrollIntoView({ block: "nearest" });
  if (next === "#ai h2") target?.closest("section")?.scrollIntoView({ block: "start" });
  watch();
}

function replace(page, id) {
  const [before, after] = [document.getElementById(id), page.getElementById(id)];
  if (!before || !after || before.contains(document.activeElement)) return;
  localTimes(after);
  for (const part of after.querySelectorAll("details[id]")) part.open = before.querySelector(`#${part.id}`)?.open ?? part.open;
  if (before.outerHTML !== after.outerHTML) before.replaceWith(document.adoptNode(after));
}

/** Parts that stay, because somebody may be writing there, still say whether they are the next step. */
function retitle(page) {
  for (const part of work().querySelectorAll("section[id]:not([data-live])")) {
    const [before, after] = [part.querySelector("h2.step"), page.querySelector(`#${part.id} > h2.step`)];
    if (!before || !after) continue;
    for (const { name } of [...before.attributes]) if (!after.hasAttribute(name)) before.removeAttribute(name);
    for (const { name, value } of after.attributes) before.setAttribute(name, value);
    before.replaceChildren(...after.childNodes);
    part.setAttribute("aria-labelledby", before.id);
  }
}

/** Hand the viewer what the page now says of the model; nothing of it is in the page before. */
function showAi(page) {
  const [viewer, next] = [document.querySelector("dicom-view"), page.querySelector("dicom-view")];
  if (!viewer || !next) return;
  for (const name of ["region", "heat-series", "heat-instance"]) {
    const value = next.getAttribute(name);
    if (value && value !== viewer.getAttribute(name)) viewer.setAttribute(name, value);
  }
}

/** While something is under way, look again; only parts that no one is using are replaced. */
let watching;
function watch() {
  clearTimeout(watching);
  const every = Number(work().dataset.waits) * 1000;
  if (!every) return;
  watching = setTimeout(async () => {
    const page = document.hidden ? null : await look();
    if (page) {
      for (const part of document.querySelectorAll("[data-live]")) replace(page, part.id);
      retitle(page);
      showAi(page);
      work().dataset.waits = page.getElementById("work").dataset.waits ?? "";
    }
    watch();
  }, every);
}

async function look() {
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return answer.ok && page.getElementById("work") ? page : null;
  } catch {
    return null;
  }
}

async function renew() {
  return (await fetch("/sign-in/renew", { method: "POST" }).catch(() => null))?.ok ?? false;
}

function say(words, address) {
  const note = Object.assign(document.createElement("p"), { className: "note red", textContent: `${words} ` });
  if (address) note.append(Object.assign(document.createElement("a"), { href: address, target: "_blank", rel: "noopener", textContent: "Sign in (new tab)" }));
  document.getElementById("message").replaceChildren(note);
  note.scrollIntoView({ block: "nearest" });
}

/** The draft is kept at the hub a moment after the last key, so that closing the page loses nothing. */
document.addEventListener("input", ({ target }) => {
  const form = target.closest("form[data-draft]");
  if (!form) return;
  clearTimeout(keeping);
  keeping = setTimeout(async () => {
    const body = new URLSearchParams({ text: form.elements.text.value });
    const answer = await fetch(form.dataset.draft, { method: "POST", body }).catch(() => null);
    const told = form.querySelector("[data-is=draft]");
    if (told) told.textContent = answer?.ok ? "Draft kept. Only you see it." : "The draft could not be kept yet; the text is still here.";
  }, DRAFT_AFTER);
});

setInterval(renew, RENEW_EVERY);
watch();
