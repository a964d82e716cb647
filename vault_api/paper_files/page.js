// Shows what check.js finds. The address after the # is read here and goes nowhere.
import { checkPaper } from "./check.js";

const lang = document.documentElement.lang;
const words = await (await fetch(`/paper/words.${lang}.json`)).json();
const here = Object.fromEntries(
  ["log", "chain", "registry"].map((name) => [name, document.querySelector(`meta[name="onefile-${name}"]`).content]),
);
const SIGNS = { valid: "✓", revoked: "✕", altered: "✕", suspended: "‖", correcting: "‖", expired: "✕" };

async function ask(path) {
  const answer = await fetch(path, { credentials: "omit", referrerPolicy: "no-referrer" });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

function row(list, title, value) {
  const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
  dt.textContent = title;
  dd.textContent = value;
  list.append(dt, dd);
}

const moment = (seconds) => new Date(seconds * 1000).toLocaleString(lang === "zh" ? "zh-CN" : "en-GB");
const said = (value) => (typeof value === "boolean" ? words.text[value ? "yes" : "no"] : String(value));

function draw(found) {
  const verdict = document.getElementById("verdict");
  verdict.dataset.state = found.state;
  verdict.dataset.code = found.code;
  document.getElementById("sign").textContent = SIGNS[found.state] ?? "?";
  document.getElementById("word").textContent = words.states[found.state];
  document.getElementById("why").textContent = words.codes[found.code] ?? "";
  const list = document.getElementById("facts");
  list.replaceChildren();
  const { paper } = found;
  // What no signature stands for is not shown: nobody should read a value off a page that says no.
  document.getElementById("facts-section").hidden = paper === null;
  if (paper === null) return;
  row(list, words.text.issuer, found.issuer);
  row(list, words.text.type, words.types[paper.vct] ?? paper.vct);
  for (const [pointer, value] of Object.entries(paper.claims)) {
    row(list, words.claims[paper.vct]?.[pointer] ?? words.common[pointer] ?? pointer, said(value));
  }
  row(list, words.text.printed, moment(paper.iat));
  row(list, words.text.until, moment(paper.exp));
  if (found.listedAt !== null) row(list, words.text.status_of, moment(found.listedAt));
}

async function run() {
  const verdict = document.getElementById("verdict");
  verdict.dataset.state = "checking";
  document.getElementById("word").textContent = words.states.checking;
  draw(await checkPaper(location.hash, here, ask, Math.floor(Date.now() / 1000)));
}

addEventListener("hashchange", run);
document.getElementById("again").addEventListener("click", run);
await run();
