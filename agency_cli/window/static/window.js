// Draws what the window program says. It verifies nothing and keeps nothing: keys and checks are in Python.
import { Scanner, Unreadable } from "/static/scanner.js";
import { listDay } from "/static/day.js";
import { play } from "/static/sound.js";

const SHOW = "OF1:";
const FRAME = "OF2:"; // one of the codes of a show without a network
const FRAME_MS = 100; // between two frames: the processor has other work too
const counter = document.getElementById("counter");
const texts = counter.dataset;
const verdict = document.getElementById("verdict");
const word = document.getElementById("word");
const why = document.getElementById("why");
const licence = document.getElementById("licence");
let busy = false;
let camera = null;

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (!answer.headers.get("content-type")?.startsWith("application/json")) throw new Error(String(answer.status));
  return { ok: answer.ok, body: await answer.json() };
}

function show(state, text, detail = "") {
  verdict.className = state;
  word.textContent = text;
  why.textContent = detail;
}

function ready() {
  forget();
  licence.replaceChildren();
  show("ready", texts.ready);
}

function draw(found) {
  const hint = [found.detail, found.hint].filter(Boolean).join(" ");
  show(found.verdict, texts[found.verdict], hint);
  play(found.verdict);
  licence.replaceChildren(...(found.items ?? []).map(card));
  if (found.offline) {
    if (found.offline.compare_face) licence.prepend(element("p", texts.face, { class: "warning" }));
    licence.append(element("p", `${texts.facts} ${found.offline.facts_at}`));
  }
  if (found.receipt) {
    const link = element("a", `${texts.receipt} ${found.receipt}`, { href: `/receipt/${found.receipt}`, target: "_blank" });
    licence.append(element("p", `${texts.retain} ${found.retain_until}`), link);
  }
}

function card(item) {
  const made = element("article", undefined, { class: item.verdict });
  const list = element("dl");
  for (const [title, value] of item.rows) list.append(element("dt", title), element("dd", value));
  const checks = element("details");
  const rows = element("table");
  for (const check of item.checks) {
    const row = element("tr", undefined, { class: check.status });
    row.append(element("th", check.name, { scope: "row" }), element("td", check.said), element("td", check.why));
    rows.append(row);
  }
  checks.append(element("summary", texts.checks), rows);
  made.append(element("h2", item.type));
  if (item.photo) made.append(element("img", undefined, { class: "photo", src: item.photo, alt: texts.photo }));
  made.append(list, checks);
  return made;
}

// One frame after the other, until Python has the whole message; a frame that it has is not sent again.
let sent = new Set();

async function gather(frame) {
  if (sent.has(frame)) return;
  sent.add(frame);
  const { body } = await ask("/scan", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code: frame }),
  });
  if (body.verdict === "collecting") {
    if (body.seen === 1) sent = new Set([frame]); // another message began
    return show("collecting", `${texts.collecting} ${body.seen} / ${body.of}`);
  }
  forget();
  draw(body);
  count();
}

async function serve(code) {
  if (busy) return;
  if (code.startsWith(FRAME)) return gather(code);
  busy = true;
  licence.replaceChildren();
  show("busy", texts.busy);
  try {
    const { body } = await ask("/scan", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
    });
    draw(body);
  } catch {
    show("refused", texts.refused, texts.failed);
  } finally {
    busy = false;
    count();
  }
}

async function count() {
  const { body } = await ask("/today");
  document.getElementById("served").textContent = body.served;
  listDay(body.rows, texts);
}

// --- the window asks --------------------------------------------------------------------------

const picture = document.getElementById("request");
const answer = document.getElementById("answer");
let events = null;
let match = "";

function forget() {
  events?.close();
  events = null;
  picture.hidden = answer.hidden = true;
  picture.removeAttribute("src");
}

async function askHolder() {
  ready();
  sent.clear();
  const { ok, body } = await ask("/ask", { method: "POST" });
  if (!ok) return draw(body);
  picture.src = body.picture;
  picture.hidden = false;
  show("asking", texts.asking);
  events = new EventSource("/events");
  events.addEventListener("over", askHolder);
  events.addEventListener("answered", (event) => {
    forget();
    match = JSON.parse(event.data).match;
    show("asking", texts.answered);
    document.getElementById("match").textContent = `${answer.dataset.compare} ${match}`;
    answer.hidden = false;
    document.getElementById("open").focus();
  });
}

async function openAnswer() {
  forget();
  show("busy", texts.busy);
  const options = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ match }) };
  draw((await ask("/open", options)).body);
  count();
}

document.getElementById("ask").addEventListener("click", askHolder);
document.getElementById("open").addEventListener("click", openAnswer);

// --- pictures and the camera ------------------------------------------------------------------

const scanner = new Scanner();
const video = document.getElementById("camera");
let shown = ""; // what the camera saw last: a code that stays in view is served once

function ours(texts) {
  return [...new Set(texts.filter((text) => text.startsWith(SHOW) || text.startsWith(FRAME)))];
}

async function readFile(file) {
  if (!file || busy) return;
  let codes;
  try {
    codes = ours(await scanner.file(file));
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return show("refused", texts.refused, texts.unreadable);
  }
  if (codes.length === 1) await serve(codes[0]);
  else show("refused", texts.refused, codes.length ? texts.several : texts.none);
}

async function look() {
  const state = verdict.className;
  if (busy || !["ready", "asking", "collecting"].includes(state)) return;
  performance.mark("onefile:frame");
  const [code, ...others] = ours(await scanner.frame(video));
  if (!code || others.length || code === shown) return;
  if (code.startsWith(FRAME)) return gather(code);
  if (state !== "ready") return; // our own request is on the screen, or a show without a network is under way
  shown = code;
  await serve(code);
  performance.measure("onefile:scan", "onefile:frame");
}

async function watch() {
  while (camera?.active) {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      if (error.message === "reader") {
        show("refused", texts.refused, texts.nocamera);
        break;
      } // any other: one frame that took too long is not the last
    }
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
  }
  stopCamera();
}

async function startCamera() {
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch {
    return show("refused", texts.refused, texts.nocamera);
  }
  video.srcObject = camera;
  video.hidden = false;
  cameraButton.setAttribute("aria-pressed", "true");
  try {
    await video.play();
  } catch {
    return; // it was stopped before it began
  }
  watch();
}

function stopCamera() {
  for (const track of camera?.getTracks() ?? []) track.stop();
  camera = null;
  video.hidden = true;
  video.srcObject = null;
  cameraButton.setAttribute("aria-pressed", "false");
}

// --- a scanner that types ---------------------------------------------------------------------

// By the key's place, not its character: a Chinese input method turns characters into others, never places.
const PLAIN = { Space: " ", Minus: "-", Period: ".", Slash: "/", NumpadDecimal: ".", NumpadAdd: "+", NumpadSubtract: "-" };
const SHIFTED = { Digit4: "$", Digit5: "%", Digit8: "*", Equal: "+", Semicolon: ":" };
const TYPED_MS = 500;
let typed = "";
let last = 0;

function letter(event) {
  if (event.shiftKey && SHIFTED[event.code]) return SHIFTED[event.code];
  const found = /^(?:Key([A-Z])|Digit([0-9])|Numpad([0-9]))$/.exec(event.code);
  if (found) return found[1] ?? found[2] ?? found[3];
  return PLAIN[event.code] ?? "";
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return ready();
  if (event.target instanceof HTMLInputElement) return; // whoever types there means that field
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.timeStamp - last > TYPED_MS) typed = "";
  last = event.timeStamp;
  if (event.code === "Enter" || event.code === "NumpadEnter") {
    if (typed.length > 20) {
      event.preventDefault();
      serve(typed);
    }
    typed = "";
    return;
  }
  typed += letter(event);
});

document.addEventListener("paste", (event) => {
  if (event.target instanceof HTMLInputElement) return;
  const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
  if (file) readFile(file);
  else serve(event.clipboardData.getData("text").trim());
});
document.getElementById("picture").addEventListener("change", async (event) => {
  await readFile(event.target.files[0]);
  event.target.value = ""; // the same file again is a choice too
});
document.getElementById("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = event.target.elements.jti.value.trim();
  if (wanted) window.open(`/receipt/${encodeURIComponent(wanted)}`);
});
document.getElementById("next").addEventListener("click", ready);
const cameraButton = document.getElementById("use-camera");
cameraButton.addEventListener("click", () => (camera ? stopCamera() : startCamera()));

const asked = document.getElementById("asked");
const { body: scenario } = await ask("/asked");
asked.textContent = scenario.title
  ? `${scenario.title} · ${asked.dataset.purpose}: ${scenario.purpose} · ${asked.dataset.basis}: ${scenario.legal_basis.join(" ")}`
  : scenario.detail;
count();
