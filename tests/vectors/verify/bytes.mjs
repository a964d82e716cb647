// Bytes and how they are written (docs/spec/encodings.md §2, §4). Every reader takes one spelling.
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { createRequire } from "node:module";
import { need } from "./refused.mjs";

// Keccak-256 is not in node.
const { keccak256: keccak } = createRequire(import.meta.url)("ethers");

const buffer = (part) => (typeof part === "string" ? Buffer.from(part, "utf8") : Buffer.from(part));
export const join = (...parts) => Buffer.concat(parts.map(buffer));
export const sha256 = (...parts) => createHash("sha256").update(join(...parts)).digest();
export const hmac = (key, ...parts) => createHmac("sha256", key).update(join(...parts)).digest();
export const keccak256 = (...parts) => Buffer.from(keccak(join(...parts)).slice(2), "hex");
export const hkdf = (key, salt, info, length = 32) => Buffer.from(hkdfSync("sha256", key, salt, info, length));

export function u32(n) {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(n);
  return out;
}

export function u64(n) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(n));
  return out;
}

export const ZERO32 = Buffer.alloc(32);
export const b64u = (data) => Buffer.from(data).toString("base64url");
export const hex0x = (data) => "0x" + Buffer.from(data).toString("hex");

function sized(data, length, what) {
  need(length === undefined || length === null || data.length === length, `${what}: ${data.length} bytes, not ${length}`);
  return data;
}

export function unb64u(text, length, what = "base64url") {
  need(typeof text === "string" && /^[A-Za-z0-9_-]*$/.test(text), what);
  const data = Buffer.from(text, "base64url");
  need(b64u(data) === text, `${what}: not canonical`);
  return sized(data, length, what);
}

export function unb64(text, length, what = "base64") {
  need(typeof text === "string" && /^[A-Za-z0-9+/]*={0,2}$/.test(text), what);
  const data = Buffer.from(text, "base64");
  need(data.toString("base64") === text, `${what}: not canonical`);
  return sized(data, length, what);
}

/** Standard base64 without padding, as age writes it. */
export function unb64raw(text, length, what = "base64") {
  need(/^[A-Za-z0-9+/]*$/.test(text) && text.length % 4 !== 1, what);
  const data = Buffer.from(text, "base64");
  need(b64raw(data) === text, `${what}: not canonical`);
  return sized(data, length, what);
}

export const b64raw = (data) => Buffer.from(data).toString("base64").replace(/=+$/, "");

export function unhex0x(text, length, what = "hex") {
  need(typeof text === "string" && /^0x(?:[0-9a-f]{2})*$/.test(text), what);
  return sized(Buffer.from(text.slice(2), "hex"), length, what);
}

const BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

export function unbase45(text) {
  need(typeof text === "string" && text.length % 3 !== 1, "base45");
  const out = [];
  for (let at = 0; at < text.length; at += 3) {
    const group = [...text.slice(at, at + 3)].map((c) => BASE45.indexOf(c));
    need(!group.includes(-1), "base45: a character outside");
    const value = group.reduce((sum, digit, k) => sum + digit * 45 ** k, 0);
    need(value < (group.length === 3 ? 65536 : 256), "base45: a group out of range");
    if (group.length === 3) out.push(value >> 8);
    out.push(value & 255);
  }
  return Buffer.from(out);
}

const BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

function polymod(values) {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let check = 1;
  for (const value of values) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    generator.forEach((term, i) => { if ((top >> i) & 1) check ^= term; });
  }
  return check >>> 0;
}

const expanded = (hrp) => {
  const codes = [...hrp].map((c) => c.charCodeAt(0));
  return [...codes.map((c) => c >> 5), 0, ...codes.map((c) => c & 31)];
};

/** Bech32 of ``data`` in lower case. */
export function bech32(hrp, data) {
  let bits = [...data].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  while (bits.length % 5) bits += "0";
  const values = bits.match(/.{5}/g).map((five) => parseInt(five, 2));
  const check = (polymod([...expanded(hrp), ...values, 0, 0, 0, 0, 0, 0]) ^ 1) >>> 0;
  const sum = [25, 20, 15, 10, 5, 0].map((shift) => (check >>> shift) & 31);
  return `${hrp}1${[...values, ...sum].map((value) => BECH32[value]).join("")}`;
}

/** The bytes of a Bech32 text (BIP-173 without its limit of 90) under exactly this prefix. */
export function unbech32(text, hrp, length) {
  need(typeof text === "string" && text.length <= 4096 && /^[\x00-\x7f]*$/.test(text), "bech32");
  need(text === text.toLowerCase() || text === text.toUpperCase(), "bech32: a mixed case");
  const lower = text.toLowerCase();
  need(lower.startsWith(hrp + "1") && lower.lastIndexOf("1") === hrp.length, "bech32: another prefix");
  const values = [...lower.slice(hrp.length + 1)].map((c) => BECH32.indexOf(c));
  need(!values.includes(-1) && values.length >= 6, "bech32: a character outside");
  need(polymod([...expanded(hrp), ...values]) === 1, "bech32: checksum");
  let held = 0, bits = 0;
  const out = [];
  for (const value of values.slice(0, -6)) {
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push((held >> bits) & 255);
    }
  }
  need(bits < 5 && (held & ((1 << bits) - 1)) === 0, "bech32: padding");
  return sized(Buffer.from(out), length, "bech32");
}

/** Bytes as a vector carries them. */
export const octets = (value) => ("text" in value ? Buffer.from(value.text, "utf8") : Buffer.from(value.b64u, "base64url"));

/** The opposite of ``octets``, by the rule of the vectors: text where it is readable. */
export function asOctets(data) {
  const text = utf8(data);
  if (text !== null && [...text].every((c) => c === "\n" || printable(c))) return { text };
  return { b64u: b64u(data) };
}

const printable = (c) => c === " " || !/[\p{C}\p{Z}]/u.test(c);

/** Strict UTF-8, or null. */
export function utf8(data) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return null;
  }
}
