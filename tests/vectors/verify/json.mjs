// JSON as we read it (docs/spec/encodings.md §3): strings, safe integers, booleans, null, lists, objects. And JCS.
import { need } from "./refused.mjs";
import { utf8 } from "./bytes.mjs";

const DEPTH = 24;
const SPACE = new Set([" ", "\t", "\n", "\r"]);
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  space() {
    while (SPACE.has(this.text[this.at])) this.at++;
  }

  take(word) {
    need(this.text.startsWith(word, this.at), `JSON: expected ${word} at ${this.at}`);
    this.at += word.length;
  }

  value(depth) {
    this.space();
    const next = this.text[this.at];
    if (next === "{") return this.object(depth - 1);
    if (next === "[") return this.list(depth - 1);
    if (next === '"') return this.string();
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }

  number() {
    const found = /^-?(?:0|[1-9][0-9]*)(?![0-9.eE])/.exec(this.text.slice(this.at, this.at + 64));
    need(found, `JSON: no value of ours at ${this.at}`);
    this.at += found[0].length;
    const value = Number(found[0]);
    need(Number.isSafeInteger(value), "JSON: an integer outside ±(2^53-1)");
    return value + 0; // minus zero is zero
  }

  string() {
    this.take('"');
    let out = "";
    for (;;) {
      need(this.at < this.text.length, "JSON: cut off in a string");
      const c = this.text[this.at++];
      if (c === '"') break;
      need(c >= " ", "JSON: a control character");
      out += c === "\\" ? this.escape() : c;
    }
    need(out.isWellFormed?.() ?? !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(out), "JSON: a lone surrogate");
    return out;
  }

  escape() {
    const c = this.text[this.at++];
    if (c !== "u") {
      need(c in ESCAPES, "JSON: an unknown escape");
      return ESCAPES[c];
    }
    const digits = this.text.slice(this.at, this.at + 4);
    need(/^[0-9a-fA-F]{4}$/.test(digits), "JSON: an unknown escape");
    this.at += 4;
    return String.fromCharCode(parseInt(digits, 16));
  }

  list(depth) {
    need(depth >= 0, "JSON: nested too deep");
    const out = [];
    this.take("[");
    this.space();
    while (this.text[this.at] !== "]") {
      if (out.length) this.take(",");
      out.push(this.value(depth));
      this.space();
    }
    this.at++;
    return out;
  }

  object(depth) {
    need(depth >= 0, "JSON: nested too deep");
    const out = new Map();
    this.take("{");
    this.space();
    while (this.text[this.at] !== "}") {
      if (out.size) this.take(",");
      this.space();
      const name = this.string();
      need(!out.has(name), "JSON: a member twice");
      this.space();
      this.take(":");
      out.set(name, this.value(depth));
      this.space();
    }
    this.at++;
    return Object.assign(Object.create(null), Object.fromEntries(out));
  }
}

/** Bounded JSON from bytes or text; ``parts``: commas and opening brackets, those in strings counted. */
export function parse(raw, limit = 4 << 20, parts = 20_000) {
  need(raw.length <= limit, "JSON: too large");
  const text = typeof raw === "string" ? raw : utf8(raw);
  need(text !== null, "JSON: no UTF-8");
  need((text.match(/[,[{]/g) ?? []).length <= parts, "JSON: too many values");
  const reader = new Reader(text);
  const value = reader.value(DEPTH);
  reader.space();
  need(reader.at === text.length, "JSON: something behind it");
  return value;
}

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export function parseObject(raw, limit, parts) {
  const value = parse(raw, limit, parts);
  need(isObject(value), "JSON: no object");
  return value;
}

/** RFC 8785 without floating point. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  // The default order of sort is that of UTF-16 units, as RFC 8785 wants it.
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** An object whose bytes are the canonical ones. */
export function parseCanonical(raw, limit) {
  const value = parseObject(raw, limit);
  need(Buffer.from(canonical(value), "utf8").equals(Buffer.from(raw)), "JSON: not canonical");
  return value;
}
