// Judges the golden vectors of credentials and signed forms with node's own crypto and nothing of OneFile: a
// reading of RFC 7515, RFC 9901, the Token Status List, RFC 9052 and docs/spec. Vectors on stdin, verdicts on stdout.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";

const sha256 = (data) => createHash("sha256").update(data).digest();
const bin = (text) => Buffer.from(text, "base64url");
const need = (holds, what) => {
  if (!holds) throw new Error(what);
};
const thumbprint = ({ crv, kty, x, y }) => sha256(JSON.stringify({ crv, kty, x, y })).toString("base64url");

function es256(jwk, data, signature) {
  const key = createPublicKey({ key: jwk, format: "jwk" });
  need(verify("sha256", Buffer.from(data), { key, dsaEncoding: "ieee-p1363" }, signature), "signature");
}

function jws(raw, jwk) {
  const [head, body, signature] = raw.split(".");
  const header = JSON.parse(bin(head));
  need(header.alg === "ES256", "alg");
  need(header.kid === undefined || header.kid === thumbprint(jwk), "kid");
  es256(jwk, `${head}.${body}`, bin(signature));
  return { header, claims: JSON.parse(bin(body)) };
}

function open(value, disclosures, used) {
  if (Array.isArray(value)) {
    return value.flatMap((element) => {
      if (element === null || typeof element !== "object" || !("..." in element)) return [open(element, disclosures, used)];
      const found = disclosures.get(element["..."]);
      if (found === undefined) return [];
      used.add(element["..."]);
      return [open(found[1], disclosures, used)];
    });
  }
  if (value === null || typeof value !== "object") return value;
  const { _sd: digests = [], ...clear } = value;
  const out = Object.fromEntries(Object.entries(clear).map(([k, v]) => [k, open(v, disclosures, used)]));
  for (const digest of digests) {
    const found = disclosures.get(digest);
    if (found === undefined) continue;
    need(!(found[1] in out), "collision");
    used.add(digest);
    out[found[1]] = open(found[2], disclosures, used);
  }
  return out;
}

function presentation({ raw, key, aud, nonce }) {
  const parts = raw.split("~");
  const [issuer, binding] = [parts[0], parts.at(-1)];
  const given = parts.slice(1, -1);
  const { claims } = jws(issuer, key);
  const disclosures = new Map(given.map((d) => [sha256(d).toString("base64url"), JSON.parse(bin(d))]));
  need(disclosures.size === given.length, "a disclosure twice");
  const used = new Set();
  const { cnf } = open(claims, disclosures, used);
  need(used.size === given.length, "unused disclosure");
  need(binding !== "", "no key binding");
  const kb = jws(binding, cnf.jwk);
  need(kb.header.typ === "kb+jwt" && kb.claims.aud === aud && kb.claims.nonce === nonce, "key binding");
  need(kb.claims.sd_hash === sha256(raw.slice(0, raw.lastIndexOf("~") + 1)).toString("base64url"), "sd_hash");
}

function statusList({ raw, key, uri, idx, now }) {
  const { claims } = jws(raw, key);
  need(claims.sub === uri, "sub");
  need(claims.iat <= now && now < claims.exp, "time");
  const list = inflateSync(bin(claims.status_list.lst));
  need(((list[idx >> 2] >> ((idx & 3) * 2)) & 3) === 1, "status");
}

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

function base45(text) {
  const out = [];
  for (let i = 0; i < text.length; i += 3) {
    const value = [...text.slice(i, i + 3)].reduce((sum, c, k) => sum + ALPHABET.indexOf(c) * 45 ** k, 0);
    if (text.length - i >= 3) out.push(value >> 8);
    out.push(value & 255);
  }
  return Buffer.from(out);
}

function cbor(bytes) {
  let at = 0;
  const number = (low) => {
    if (low < 24) return low;
    const size = 1 << (low - 24);
    at += size;
    return bytes.readUIntBE(at - size, size);
  };
  const item = () => {
    const first = bytes[at++];
    const [major, n] = [first >> 5, number(first & 31)];
    if (major === 0) return n;
    if (major === 1) return -1 - n;
    if (major === 2) return bytes.subarray(at, (at += n));
    if (major === 4) return Array.from({ length: n }, item);
    if (major === 5) return new Map(Array.from({ length: n }, () => [item(), item()]));
    need(major === 6 && n === 18, "tag");
    return item();
  };
  return item();
}

const bstr = (data) => Buffer.concat([data.length < 24 ? Buffer.from([0x40 + data.length]) : Buffer.from([0x58, data.length]), data]);

function showCode({ raw, key, now, log, prefix }) {
  const [head, , payload, signature] = cbor(base45(raw.slice(4)));
  const structure = Buffer.concat([Buffer.from([0x84, 0x6a]), Buffer.from("Signature1"), bstr(head), bstr(Buffer.alloc(0)), bstr(payload)]);
  es256(key, structure, signature);
  const claims = cbor(payload);
  need(claims.get(6) <= now && now < claims.get(4), "time");
  // Keccak-256 is not in node: the eight bytes of each log stand in the vectors.
  need(claims.get(7).toString("hex") === prefix[log], "log");
}

function form({ kind, raw, key, now, log, agency }) {
  const { claims } = jws(raw, key);
  if (kind !== "scenario") need(claims.aud === (agency ?? log), "aud");
  if (kind === "receipt") need(Math.abs(claims.iat - now) <= 120, "iat");
  if (kind === "card token") need(now < claims.exp, "exp");
}

const judges = { presentation, "status list": statusList, "show code": showCode };
const { cases, log_prefixes: prefix } = JSON.parse(readFileSync(0, "utf8"));
const verdicts = cases.map((row) => {
  try {
    (judges[row.kind] ?? form)({ ...row, prefix });
    return { ok: true, why: "" };
  } catch (error) {
    return { ok: false, why: String(error) };
  }
});
process.stdout.write(JSON.stringify(verdicts));
