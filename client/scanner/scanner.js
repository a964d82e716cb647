// Codes in pictures and camera frames: read in a worker, which is ended when a picture takes too long.
// What it gives are texts; whether they are worth anything is for Python to say.

const WORKER = "/static/scanner-worker.js";
const MAX_BYTES = 12 << 20;
const MAX_PIXELS = 25_000_000; // nothing larger is decoded at all
const READ_PIXELS = 4_000_000; // what is larger is reduced before it is read
const LIMIT_MS = 3000;
const START_MS = 20_000; // for its WebAssembly

const policy = globalThis.trustedTypes?.createPolicy("onefile-scanner", {
  createScriptURL: (url) => {
    if (url !== WORKER) throw new TypeError(`not the scanner's worker: ${url}`);
    return url;
  },
});

export class Unreadable extends Error {}

export class Scanner {
  #worker = null; // { thread, ready }
  #waiting = new Map();
  #last = 0;
  #limit;

  constructor({ limit = LIMIT_MS } = {}) {
    this.#limit = limit;
  }

  // Load the reader before somebody waits for it.
  warm() {
    return this.#started().ready;
  }

  // The texts in what a camera shows at this moment.
  async frame(video) {
    return this.#read(await reduced(video, video.videoWidth, video.videoHeight));
  }

  // The texts in a picture file; `Unreadable` for what is none, is too large, or takes too long.
  async file(file) {
    if (file.size > MAX_BYTES) throw new Unreadable("bytes");
    const url = URL.createObjectURL(file);
    const picture = new Image();
    try {
      // Its size is known before it is decoded: a small file may unpack to a huge picture.
      await loaded(picture, url);
      if (picture.naturalWidth * picture.naturalHeight > MAX_PIXELS) throw new Unreadable("pixels");
      return await this.#read(await reduced(picture, picture.naturalWidth, picture.naturalHeight));
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  async #read(picture) {
    const worker = this.#started();
    await worker.ready;
    const number = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject, timer: setTimeout(() => this.#end(worker, "time"), this.#limit) });
      worker.thread.postMessage({ number, picture }, [picture]);
    });
  }

  #started() {
    if (this.#worker) return this.#worker;
    const thread = new Worker(policy ? policy.createScriptURL(WORKER) : WORKER, { type: "module" });
    const worker = { thread, ready: undefined };
    worker.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(worker, "reader"), START_MS);
      this.#waiting.set("ready", { resolve, reject, timer });
    });
    worker.ready.catch(() => {}); // whoever waits for it is told; nobody need wait
    thread.addEventListener("message", ({ data }) => this.#answered(data));
    thread.addEventListener("error", () => this.#end(worker, "reader"));
    this.#worker = worker;
    return worker;
  }

  #answered({ ready, number, texts, failed }) {
    const key = ready ? "ready" : number;
    const waiting = this.#waiting.get(key);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(key);
    if (failed === undefined) waiting.resolve(texts);
    else waiting.reject(new Unreadable(failed));
  }

  // End the worker with all that it was given; the next picture gets a new one.
  #end(worker, reason) {
    if (worker !== this.#worker) return;
    worker.thread.terminate();
    this.#worker = null;
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject, timer } of left) {
      clearTimeout(timer);
      reject(new Unreadable(reason));
    }
  }
}

function loaded(picture, url) {
  return new Promise((resolve, reject) => {
    picture.addEventListener("load", resolve, { once: true });
    picture.addEventListener("error", () => reject(new Unreadable("picture")), { once: true });
    picture.src = url;
  });
}

async function reduced(source, width, height) {
  if (!width || !height) throw new Unreadable("picture");
  const scale = Math.sqrt(READ_PIXELS / (width * height));
  if (scale >= 1) return createImageBitmap(source);
  const resizeWidth = Math.max(1, Math.floor(width * scale));
  const resizeHeight = Math.max(1, Math.floor(height * scale));
  return createImageBitmap(source, { resizeWidth, resizeHeight, resizeQuality: "high" });
}
