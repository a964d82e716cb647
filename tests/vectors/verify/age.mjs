// age v1 (docs/spec/sealed-object.md; C2SP age): recipients, headers, payloads. Of npm only ML-KEM-768 with X25519.
import { createDecipheriv, createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { asOctets, b64u, bech32, hkdf, hmac, join, octets, sha256, unb64raw, unb64u, unbech32 } from "./bytes.mjs";
import { denied, malformed, need, untrusted } from "./refused.mjs";

// The key encapsulation is not in node 20. It is resolved through the package that depends on it.
const through = createRequire(createRequire(import.meta.url).resolve("age-encryption"));
const { MLKEM768X25519: KEM } = await import(pathToFileURL(through.resolve("@noble/post-quantum/hybrid.js")));

const HRP = { pq: "age1pq", classic: "age", pqSecret: "age-secret-key-pq-", classicSecret: "age-secret-key-" };
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI = Buffer.from("302a300506032b656e032100", "hex");

export const hybridPublic = (seed) => Buffer.from(KEM.getPublicKey(seed));

function x25519Private(scalar) {
  return createPrivateKey({ key: join(PKCS8, scalar), format: "der", type: "pkcs8" });
}

const x25519Public = (scalar) => createPublicKey(x25519Private(scalar)).export({ format: "der", type: "spki" }).subarray(-32);

function agree(scalar, share) {
  const theirs = createPublicKey({ key: join(SPKI, share), format: "der", type: "spki" });
  let secret;
  try {
    secret = diffieHellman({ privateKey: x25519Private(scalar), publicKey: theirs });
  } catch {
    malformed("X25519: a share of low order");
  }
  need(secret.some((byte) => byte), "X25519: a share of low order");
  return secret;
}

/** FIPS 203 §7.2: every coefficient of an encapsulation key is below q. */
function checkModulus(key) {
  for (let at = 0; at < 1152; at += 3) {
    const [a, b, c] = key.subarray(at, at + 3);
    need((a | ((b & 15) << 8)) < 3329 && ((b >> 4) | (c << 4)) < 3329, "ML-KEM-768: a coefficient beyond q");
  }
}

function recipient({ text }) {
  if (typeof text === "string" && text.toLowerCase().startsWith(HRP.pq + "1")) {
    const key = unbech32(text, HRP.pq, 1216);
    checkModulus(key);
    return { tag: "mlkem768x25519", sha256: b64u(sha256(key)) };
  }
  return { tag: "X25519", sha256: b64u(sha256(unbech32(text, HRP.classic, 32))) };
}

export function readIdentity(text) {
  if (typeof text === "string" && text.toLowerCase().startsWith(HRP.pqSecret)) {
    return { tag: "mlkem768x25519", secret: unbech32(text, HRP.pqSecret, 32) };
  }
  return { tag: "X25519", secret: unbech32(text, HRP.classicSecret, 32) };
}

function identity({ text }) {
  const { tag, secret } = readIdentity(text);
  return tag === "X25519" ? bech32(HRP.classic, x25519Public(secret)) : bech32(HRP.pq, hybridPublic(secret));
}

class Lines {
  constructor(raw) {
    this.raw = raw;
    this.at = 0;
  }

  next() {
    const end = this.raw.subarray(0, 256 << 10).indexOf("\n", this.at);
    need(end >= 0, "age header: cut off");
    const line = this.raw.toString("latin1", this.at, end);
    this.at = end + 1;
    return line;
  }
}

/** The header in front of ``raw``: its stanzas, its MAC, what the MAC covers, and how long it is. */
export function readHeader(raw) {
  const lines = new Lines(raw);
  need(lines.next() === "age-encryption.org/v1", "age header: another version");
  const stanzas = [];
  let line = lines.next();
  for (; line.startsWith("-> "); line = lines.next()) {
    need(stanzas.length < 128, "age header: too many stanzas");
    stanzas.push(readStanza(line, lines));
  }
  need(line.startsWith("--- ") && line.length === 47, "age header: no MAC");
  const mac = unb64raw(line.slice(4), 32, "MAC");
  need(stanzas.length >= 1, "age header: no stanza");
  stanzas.forEach((stanza) => checkStanza(stanza, stanzas.length === 1));
  return { stanzas, mac, signed: raw.subarray(0, lines.at - 45), length: lines.at };
}

function readStanza(first, lines) {
  const [tag, ...args] = first.slice(3).split(" ");
  need(args.length < 16, "stanza: too many arguments");
  need([tag, ...args].every((one) => /^[\x21-\x7e]{1,4096}$/.test(one)), "stanza: a bad argument");
  let body = "";
  for (let line = lines.next(); ; line = lines.next()) {
    need(line.length <= 64 && /^[A-Za-z0-9+/]*$/.test(line), "stanza: a body that is not base64");
    body += line;
    need(body.length <= 8192, "stanza: too large");
    if (line.length < 64) break;
  }
  const bytes = unb64raw(body);
  need(bytes.length <= 4096, "stanza: too large");
  return { tag, args, body: bytes };
}

/** A header is good or bad by itself, whoever looks at it. */
function checkStanza({ tag, args, body }, alone) {
  const shares = { X25519: 32, mlkem768x25519: 1120, scrypt: 16 };
  if (!(tag in shares)) return;
  need(args.length === (tag === "scrypt" ? 2 : 1), `${tag}: arguments`);
  unb64raw(args[0], shares[tag], tag);
  need(body.length === 32, `${tag}: a wrapped key of another length`);
  if (tag === "scrypt") need(alone && /^[1-9][0-9]?$/.test(args[1]) && Number(args[1]) <= 22, "scrypt");
}

function chacha(key, nonce, sealed) {
  if (sealed.length < 16) return null;
  const cipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  cipher.setAuthTag(sealed.subarray(-16));
  try {
    return join(cipher.update(sealed.subarray(0, -16)), cipher.final());
  } catch {
    return null;
  }
}

/** RFC 9180 base mode: KEM 0x647a, HKDF-SHA-256, ChaCha20-Poly1305. */
function hpkeOpen(secret, info, sealed) {
  const suite = join("HPKE", Buffer.from([0x64, 0x7a, 0, 1, 0, 3]));
  const extract = (salt, label, ikm) => hmac(salt, "HPKE-v1", suite, label, ikm);
  const expand = (prk, label, context, size) =>
    hmac(prk, Buffer.from([0, size]), "HPKE-v1", suite, label, context, Buffer.from([1])).subarray(0, size);
  const context = join(Buffer.from([0]), extract("", "psk_id_hash", ""), extract("", "info_hash", info));
  const prk = extract(secret, "secret", "");
  return chacha(expand(prk, "key", context, 32), expand(prk, "base_nonce", context, 12), sealed);
}

function unwrap(stanza, { tag, secret }) {
  if (stanza.tag !== tag) return null;
  const share = unb64raw(stanza.args[0]);
  if (tag === "mlkem768x25519") {
    let shared;
    try {
      shared = KEM.decapsulate(share, secret);
    } catch {
      malformed("mlkem768x25519: a share of low order");
    }
    return hpkeOpen(Buffer.from(shared), "age-encryption.org/mlkem768x25519", stanza.body);
  }
  const key = hkdf(agree(secret, share), join(share, x25519Public(secret)), "age-encryption.org/v1/X25519");
  return chacha(key, Buffer.alloc(12), stanza.body);
}

/** The file key, once the MAC around it holds. */
function fileKey(header, identity) {
  for (const stanza of header.stanzas) {
    const key = unwrap(stanza, identity);
    if (key === null) continue;
    if (!hmac(hkdf(key, "", "header"), header.signed).equals(header.mac)) untrusted("age_header_mac");
    return key;
  }
  return denied("no_identity");
}

function openPayload(key, payload) {
  need(payload.length >= 16 + 16, "payload: cut off");
  const payloadKey = hkdf(key, payload.subarray(0, 16), "payload");
  const sealed = payload.subarray(16);
  const size = 65536 + 16;
  const out = [];
  for (let index = 0, at = 0; at < sealed.length; index++, at += size) {
    const chunk = sealed.subarray(at, at + size);
    const last = at + size >= sealed.length;
    const nonce = (flag) => join(Buffer.alloc(3), Buffer.from(index.toString(16).padStart(16, "0"), "hex"), Buffer.from([flag]));
    need(chunk.length > 16 || index === 0, "payload: an empty last chunk");
    const plain = chacha(payloadKey, nonce(last ? 1 : 0), chunk);
    if (plain === null) {
      need(chacha(payloadKey, nonce(last ? 0 : 1), chunk) === null, last ? "payload: cut off" : "payload: something behind it");
      untrusted("payload_chunk");
    }
    out.push(plain);
  }
  return join(...out);
}

/** Header and payload, apart. */
export function open(header, payload, identity, digest = null) {
  const parsed = readHeader(header);
  need(parsed.length === header.length, "age header: something behind it");
  const plain = openPayload(fileKey(parsed, identity), payload);
  if (digest !== null && !sha256(payload).equals(digest)) untrusted("payload_digest");
  return plain;
}

/** A joined file. */
export function openFile(raw, identity) {
  const { length } = readHeader(raw);
  return open(raw.subarray(0, length), raw.subarray(length), identity);
}

function sealedObject(given) {
  const digest = given.payload_sha256 === null ? null : unb64u(given.payload_sha256, 32);
  return asOctets(open(octets(given.header), unb64u(given.payload), readIdentity(given.identity), digest));
}

export const judges = {
  "age-recipient": recipient,
  "age-identity": identity,
  "sealed-object": sealedObject,
};
