// Looks whether somebody has collected the code, and puts the next code on the screen.
import { json } from "/static/mydata.js";

const turn = document.getElementById("turn");
const LOOK_MS = 1000;

async function look() {
  const answer = await fetch("/show/state", { method: "POST", ...json({}) });
  if (!answer.ok) return location.reload();
  const seen = await answer.json();
  if (seen.stage !== turn.dataset.stage) return location.reload();
  if (seen.picture) {
    const code = document.getElementById("code");
    if (code.src !== seen.picture) code.src = seen.picture;
    document.getElementById("left").textContent = String(seen.left);
  }
  setTimeout(look, LOOK_MS);
}

if (["code", "asked"].includes(turn.dataset.stage)) setTimeout(look, LOOK_MS);
