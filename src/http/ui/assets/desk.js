// Comfort for the desk. Everything that matters works without this script: it only shows times in the reader's zone,
// adds up what is selected, takes keys, copies, asks before what can't be undone, and refreshes what is live.
"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);

// ---- Times in the reader's zone. The cookie lets the server write the next page in it.

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function localise(root) {
  if (!ZONE || document.documentElement.dataset.zone === ZONE) return;
  const part = { year: "numeric", month: "2-digit", day: "2-digit" };
  const minute = { ...part, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const forms = { day: part, minute, second: { ...minute, second: "2-digit" } };
  for (const time of all("time[data-show]", root)) {
    // Swedish writes dates as ISO 8601 does.
    const form = new Intl.DateTimeFormat("sv-SE", { ...forms[time.dataset.show], timeZone: ZONE });
    time.textContent = form.format(new Date(time.dateTime));
  }
}

function tellZone() {
  if (!ZONE || document.documentElement.dataset.zone === ZONE) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `zone=${ZONE}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  const shown = one("#zone");
  if (shown) shown.textContent = ZONE;
}

// ---- Review: what is selected, how much it is, and the keys.

const UNIT = 100000000n;

/** A count of 10^-8 as a decimal with at least so many places, digits in groups of three. */
function decimal(units, places) {
  const size = units < 0n ? -units : units;
  const whole = String(size / UNIT).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const fraction = String(size % UNIT).padStart(8, "0").replace(/0+$/, "").padEnd(places, "0");
  return (units < 0n ? "−" : "") + whole + (fraction && "." + fraction);
}

function review(form) {
  const boxes = all("input[name=id]", form);
  const here = one("#all-here", form), matching = one("#all-matching", form);
  const told = one("#selected", form), advice = told.textContent;

  function tell() {
    const picked = boxes.filter((box) => box.checked);
    if (matching?.checked) return void (told.textContent = `Selected: ${matching.dataset.all}`);
    if (!picked.length) return void (told.textContent = advice);
    const sums = new Map();
    for (const { dataset } of picked) {
      if (!dataset.currency) continue;
      const sum = sums.get(dataset.currency) ?? { units: 0n, places: Number(dataset.places) };
      sum.units += BigInt(dataset.units);
      sums.set(dataset.currency, sum);
    }
    const amounts = [...sums].map(([currency, { units, places }]) => `${decimal(units, places)} ${currency}`);
    told.textContent = [`${picked.length} selected`, ...amounts].join(" · ");
  }

  form.addEventListener("change", ({ target }) => {
    if (target === here) boxes.forEach((box) => (box.checked = here.checked));
    else if (target.name === "id" && here) {
      const picked = boxes.filter((box) => box.checked).length;
      here.checked = picked === boxes.length;
      here.indeterminate = picked > 0 && !here.checked;
    }
    if (target === matching && matching.checked) boxes.concat(here).forEach((box) => (box.checked = true));
    else if (matching && target !== matching && !target.checked) matching.checked = false;
    tell();
  });

  const decide = (decision) => one(`button[value=${decision}]`, form)?.click();
  function move(step) {
    const at = boxes.indexOf(document.activeElement);
    const next = boxes[at < 0 ? (step > 0 ? 0 : boxes.length - 1) : Math.min(Math.max(at + step, 0), boxes.length - 1)];
    next?.focus();
    next?.closest("tr").scrollIntoView({ block: "nearest" });
  }
  const keys = {
    j: () => move(1),
    k: () => move(-1),
    x: () => boxes.includes(document.activeElement) && document.activeElement.click(),
    a: () => decide("approve"),
    r: () => decide("reject"),
    o: () => document.activeElement.closest("tr")?.querySelector("a").click(),
    "?": () => one("#keys")?.toggleAttribute("open"),
  };
  document.addEventListener("keydown", (event) => {
    if (!keys[event.key] || isTyping(event)) return;
    event.preventDefault();
    keys[event.key]();
  });
  // Nothing is selected: say so instead of asking the server.
  form.addEventListener("submit", (event) => {
    if (boxes.some((box) => box.checked) || matching?.checked) return;
    event.preventDefault();
    told.textContent = "Select at least one first.";
  });
  const help = one("#keys");
  if (help) help.hidden = false;
  tell();
}

function isTyping({ target, ctrlKey, metaKey, altKey }) {
  const field = target.closest("input:not([type=checkbox]), select, textarea, dialog");
  return ctrlKey || metaKey || altKey || field !== null;
}

// ---- Copying, asking, waiting.

function copying(root) {
  if (!navigator.clipboard) return;
  for (const button of all("button[data-copy]", root)) {
    button.hidden = false;
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    };
  }
}

/** A form with `data-confirm` is sent after a question, one with `data-busy` once, saying what it waits for. */
function sending(event) {
  if (event.defaultPrevented) return;
  const form = event.target, button = event.submitter;
  // Conditions that were left open need not stand in the address.
  if (form.method === "get") all("input, select", form).forEach((field) => (field.disabled ||= !field.value));
  const question = button?.dataset.confirm ?? form.dataset.confirm;
  if (question && !form.dataset.sure) {
    event.preventDefault();
    return ask(question, button?.textContent ?? "Yes", () => {
      form.dataset.sure = "yes";
      form.requestSubmit(button);
      delete form.dataset.sure;
    });
  }
  if (form.dataset.busy && button) {
    // After the browser has taken the button's own value along.
    setTimeout(() => {
      button.disabled = true;
      button.textContent = form.dataset.busy;
    });
  }
}

function ask(question, yes, then) {
  const dialog = document.createElement("dialog");
  const text = dialog.appendChild(document.createElement("p"));
  text.textContent = question;
  dialog.setAttribute("aria-label", question);
  const buttons = dialog.appendChild(document.createElement("p"));
  buttons.className = "buttons";
  for (const [label, style, action] of [[yes, "danger", then], ["Cancel", "", () => {}]]) {
    const button = buttons.appendChild(document.createElement("button"));
    button.textContent = label;
    button.className = style;
    button.onclick = () => (dialog.close(), action());
  }
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// ---- Live parts: `data-live` reloads an element of the page every so many seconds, `data-preview` shows what a form
// would do while it is filled in. Both take the element with the same id out of the page that the server renders.

async function replace(id, request) {
  const old = document.getElementById(id);
  const response = await fetch(request).catch(() => null);
  if (!old || !response?.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById(id);
  // What has not changed stays, and with it what somebody has marked or focused in it.
  if (!fresh || old.fetched === fresh.innerHTML) return;
  old.fetched = fresh.innerHTML;
  old.replaceChildren(...fresh.childNodes);
  localise(old);
  copying(old);
}

function living(root) {
  for (const part of all("[data-live]", root)) {
    setInterval(() => document.hidden || replace(part.id, new Request(location.href)), Number(part.dataset.live) * 1000);
  }
  for (const form of all("form[data-preview]", root)) {
    let timer;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      const send = () => ({ method: "POST", body: new URLSearchParams(new FormData(form)) });
      timer = setTimeout(() => replace("preview", new Request(form.dataset.preview, send())), 400);
    });
  }
}

// ---- Begin.

tellZone();
localise(document);
copying(document);
living(document);
document.addEventListener("submit", sending);
document.addEventListener("keydown", (event) => {
  const find = one(".find input");
  if (event.key !== "/" || !find || isTyping(event)) return;
  event.preventDefault();
  find.focus();
  find.select();
});
if (one("#review .bar")) review(one("#review"));
// A page that comes back out of the browser's memory shows what was, not what is.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
