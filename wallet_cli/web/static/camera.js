// Finds the code of a window's screen in the camera or in a picture, and gives its text to the program.
import { complain, json, send } from "/static/mydata.js";
import { Scanner, Unreadable } from "/static/scanner.js";

const FRAME_MS = 150;
const scanner = new Scanner();
const video = document.getElementById("camera");
const button = document.getElementById("use-camera");
const picture = document.getElementById("picture");
const pause = () => new Promise((resolve) => setTimeout(resolve, FRAME_MS));

// The one code of a window among what was found; none where there are several.
function only(texts) {
  const found = [...new Set(texts.filter((text) => text.startsWith(picture.dataset.prefix)))];
  return found.length === 1 ? found[0] : null;
}

picture.addEventListener("change", async () => {
  const file = picture.files[0];
  if (!file) return;
  try {
    const text = only(await scanner.file(file));
    if (text) await send("/answer/read", json({ text }));
    else complain(picture.dataset.none);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    // The reader did not start, or gave the picture up: the program reads it itself.
    await send("/answer/picture", { headers: { "content-type": "application/octet-stream" }, body: file });
  }
});

async function frames(camera) {
  while (camera.active) {
    try {
      const text = only(await scanner.frame(video));
      if (text) return await send("/answer/read", json({ text }));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      if (error.message === "reader") return complain(button.dataset.failed);
    }
    await pause();
  }
}

button.addEventListener("click", async () => {
  let camera;
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch {
    return complain(button.dataset.failed);
  }
  video.srcObject = camera;
  video.hidden = false;
  await video.play();
  await frames(camera);
  for (const track of camera.getTracks()) track.stop();
  video.hidden = true;
});
