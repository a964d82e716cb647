// Reads the codes in one picture after the other. It is ended from outside when a picture takes too long.
import { BarcodeDetector, prepareZXingModule } from "/static/ponyfill.js";

// Before anything else: without this the reader asks a server of strangers for its WebAssembly.
const prepared = prepareZXingModule({ overrides: { locateFile: (name) => `/static/${name}` }, fireImmediately: true });
const detector = new BarcodeDetector({ formats: ["qr_code"] });

addEventListener("message", async ({ data: { number, picture } }) => {
  try {
    const found = await detector.detect(picture);
    postMessage({ number, texts: found.map((code) => code.rawValue) });
  } catch (error) {
    postMessage({ number, failed: String(error) });
  } finally {
    picture.close();
  }
});

await prepared;
postMessage({ ready: true });
