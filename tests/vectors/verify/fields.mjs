// One JSON object read member by member: each is asked for once, and an unknown one is refused.
import { need } from "./refused.mjs";
import { unb64u, unhex0x } from "./bytes.mjs";
import { isObject } from "./json.mjs";

export const MAX_TIME = 253_402_300_799; // the end of the year 9999
export const length = (text) => [...text].length; // in code points

/** The written forms of names (docs/spec/encodings.md §5). */
const ADDRESS = "0x[0-9a-f]{40}";
const SLUG = "[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?";
const AGENCY = `urn:onefile:agency:[1-9][0-9]{0,15}:${ADDRESS}:${ADDRESS}`;
const DOSSIER = "urn:onefile:dossier:0x[0-9a-f]{64}";
const whole = (pattern) => new RegExp(`^(?:${pattern})$`, "u");
export const FORMS = {
  agency: whole(AGENCY),
  dossier: whole(DOSSIER),
  party: whole(`${AGENCY}|${DOSSIER}`),
  origin: whole(`onefile/[1-9][0-9]{0,19}/${ADDRESS}/[a-z0-9-]{1,31}`),
  random16: whole("[A-Za-z0-9_-]{21}[AQgw]"),
  slug: whole(SLUG),
  vct: whole(`urn:onefile:licence:${SLUG}:[1-9][0-9]{0,5}`),
  status: whole(`urn:onefile:status:${ADDRESS}:(?:0|[1-9][0-9]{0,8})`),
  claim: whole("[a-z][a-z0-9_]{0,63}"),
  pointer: whole("(?:/(?:[^/~]|~[01])*)+"),
  date: whole("[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"),
  media: whole("[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}"),
  file: whole("[^/\\\\\\x00-\\x1f\\x7f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]+"),
  query: whole("[A-Za-z0-9_-]{1,64}"),
  type: whole("[a-z][a-z0-9_-]{0,31}"),
};

export function textOf(value, { most = 256, least = 1, form } = {}, what = "text") {
  need(typeof value === "string" && length(value) >= least && length(value) <= most, what);
  need(form === undefined || form.test(value), `${what}: another form`);
  return value;
}

export class Fields {
  constructor(value, what) {
    need(isObject(value), `${what}: no object`);
    this.left = new Map(Object.entries(value));
    this.what = what;
  }

  has(name) {
    return this.left.has(name);
  }

  take(name) {
    need(this.left.has(name), `${this.what}.${name} is missing`);
    const value = this.left.get(name);
    this.left.delete(name);
    return value;
  }

  /** ``read(name)`` if the member is there, else null. */
  optional(name, read) {
    return this.has(name) ? read(name) : null;
  }

  text(name, limits) {
    return textOf(this.take(name), limits, `${this.what}.${name}`);
  }

  uint(name, { least = 0, most = Number.MAX_SAFE_INTEGER } = {}) {
    const value = this.take(name);
    need(Number.isInteger(value) && value >= least && value <= most, `${this.what}.${name}: no number from ${least} to ${most}`);
    return value;
  }

  time(name) {
    return this.uint(name, { most: MAX_TIME });
  }

  boolean(name) {
    const value = this.take(name);
    need(typeof value === "boolean", `${this.what}.${name}`);
    return value;
  }

  octets(name, size = 32) {
    return unb64u(this.take(name), size, `${this.what}.${name}`);
  }

  hex(name, size = 32) {
    return unhex0x(this.take(name), size, `${this.what}.${name}`);
  }

  array(name, { least = 0, most }) {
    const value = this.take(name);
    need(Array.isArray(value) && value.length >= least && value.length <= most, `${this.what}.${name}: no list of ${least} to ${most}`);
    return value;
  }

  /** A list of distinct texts. */
  texts(name, { least = 0, most, ...limits }) {
    const found = this.array(name, { least, most }).map((one) => textOf(one, { most: limits.chars ?? 256, form: limits.form }, name));
    need(new Set(found).size === found.length, `${this.what}.${name}: twice`);
    return found;
  }

  object(name) {
    return new Fields(this.take(name), `${this.what}.${name}`);
  }

  objects(name, limits) {
    return this.array(name, limits).map((one, i) => new Fields(one, `${this.what}.${name}[${i}]`));
  }

  done() {
    need(this.left.size === 0, `${this.what}: unknown ${[...this.left.keys()].join(", ")}`);
  }
}

/** Whether texts ascend by their UTF-8 bytes (as code points do), and each stands once. */
export function ascending(texts) {
  return texts.every((text, i) => i === 0 || Buffer.compare(Buffer.from(texts[i - 1]), Buffer.from(text)) < 0);
}
