// Reads the codes in one picture after the other. It is ended from outside when a picture takes too long.
import { BarcodeDetector, prepareZXingModule } from "/static/ponyfill.js";

// Before anything else: without this the reader asks a server of strangers for its WebAssembly.
const prepared = prepareZXingModule({ overrides: { locateFile: (name) => `/static/${name}` }, fireImmediately: true });
const detector = new BarcodeDetector({ formats: ["qr_code"] });

// A second look through a slight blur: it takes away the grain of a dark picture and what a lamp frays.
async function look(picture) {
  const found = await detector.detect(picture);
  if (found.length) return found;
  const soft = new OffscreenCanvas(picture.width, picture.height);
  const drawing = soft.getContext("2d", { willReadFrequently: true });
  drawing.filter = "blur(1px)";
  drawing.drawImage(picture, 0, 0);
  return detector.detect(drawing.getImageData(0, 0, soft.width, soft.height));
}

addEventListener("message", async ({ data: { number, picture } }) => {
  try {
    const found = await look(picture);
    postMessage({ number, texts: found.map((code) => code.rawValue) });
  } catch (error) {
    postMessage({ number, failed: String(error) });
  } finally {
    picture.close();
  }
});

await prepared;
postMessage({ ready: true });
