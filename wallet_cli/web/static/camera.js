// Pictures of a window's screen, made smaller here; the program finds the code in them.
import { send } from "/static/mydata.js";

const FRAME_MS = 300;
const MAX_EDGE = 1600;
const video = document.getElementById("camera");
const button = document.getElementById("use-camera");

async function smaller(source, width, height) {
  const scale = Math.min(1, MAX_EDGE / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}

async function quietly(blob) {
  const answer = await fetch("/answer/picture", { method: "POST", headers: { "content-type": blob.type }, body: blob });
  const body = await answer.json();
  if (answer.ok) location.assign(body.go);
  return answer.ok || !["code_not_found", "code_ambiguous"].includes(body.code);
}

document.getElementById("picture").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  if (!file) return;
  const picture = await createImageBitmap(file);
  const blob = await smaller(picture, picture.width, picture.height);
  await send("/answer/picture", { headers: { "content-type": blob.type }, body: blob });
});

button.addEventListener("click", async () => {
  let camera;
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 1280 } });
  } catch {
    const message = document.getElementById("message");
    message.textContent = button.dataset.failed;
    message.hidden = false;
    return;
  }
  video.srcObject = camera;
  video.hidden = false;
  await video.play();
  for (;;) {
    const blob = await smaller(video, video.videoWidth, video.videoHeight);
    if (await quietly(blob)) break;
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
  }
  for (const track of camera.getTracks()) track.stop();
  video.hidden = true;
});
