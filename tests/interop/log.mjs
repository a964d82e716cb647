// Judges the golden vectors of the log with node's own crypto and nothing of OneFile: reads the vectors on standard
// input, prints for each case whether this reading of docs/spec/log.md accepts it.
import { createHash, createHmac, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((p) => Buffer.from(p)))).digest();
const hmac = (key, ...parts) => createHmac("sha256", key).update(Buffer.concat(parts.map((p) => Buffer.from(p)))).digest();
const bin = (text) => Buffer.from(text, "base64url");
const need = (holds, what) => {
  if (!holds) throw new Error(what);
};
const u64 = (n) => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(n));
  return out;
};

function strictBase64(text) {
  const raw = Buffer.from(text, "base64");
  need(raw.toString("base64") === text, "base64");
  return raw;
}

function readEntry(raw) {
  const { c, pv, t, tag, v, ...rest } = JSON.parse(raw.toString());
  need(JSON.stringify({ c, pv, t, tag, v }) === raw.toString(), "not canonical");
  need(v === 1 && Object.keys(rest).length === 0, "fields");
  return { t, c: bin(c), pv: bin(pv), tag: bin(tag) };
}

function judgeHistory({ tag_key, history }) {
  const key = bin(tag_key);
  let before = Buffer.alloc(32);
  let last = -1;
  history.forEach((step, n) => {
    const raw = bin(step.entry);
    const entry = readEntry(raw);
    need(step.index > last, "order");
    need(entry.pv.equals(hmac(key, "onefile/pv/v1", u64(n), before)), "link");
    if (step.opening) judgeOpening(step, entry, n);
    need(entry.t === "access" || entry.tag.equals(hmac(key, "onefile/tag/v1", u64(n))), "tag");
    if (entry.t === "access") judgeUse(key, entry, JSON.parse(bin(step.object)));
    before = sha256(raw);
    last = step.index;
  });
}

function judgeOpening({ index, opening, object }, entry, n) {
  need(opening.n === n && opening.index === index && opening.t === entry.t, "opening");
  const digest = sha256(bin(object));
  need(digest.equals(bin(opening.object_sha256)), "object");
  need(entry.c.equals(sha256("onefile/c/v1", bin(opening.salt), digest)), "commitment");
}

function judgeUse(key, entry, record) {
  const grantKey = hmac(key, "onefile/grant-tag/v1", bin(record.grant ?? record.show));
  need(entry.tag.equals(hmac(grantKey, u64(record.use_no))), "tag of a use");
}

function readVkey(text) {
  const [name, hash, ...rest] = text.split("+");
  const key = strictBase64(rest.join("+"));
  need(key.length === 33 && key[0] === 1, "algorithm");
  const id = sha256(name, "\n", key).subarray(0, 4);
  need(id.toString("hex") === hash, "key hash");
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key.subarray(1)]);
  return { name, id, key: createPublicKey({ key: spki, format: "der", type: "spki" }) };
}

function judgeCheckpoint(raw, origin, vkeyText) {
  const vkey = readVkey(vkeyText);
  need(vkey.name === origin, "key name");
  const whole = raw.toString();
  need(!/[\x00-\x09\x0b-\x1f]/.test(whole) && whole.endsWith("\n"), "control character");
  const cut = whole.lastIndexOf("\n\n");
  need(cut >= 0, "no empty line");
  const text = whole.slice(0, cut + 1);
  let signed = false;
  for (const line of whole.slice(cut + 2, -1).split("\n")) {
    const [dash, name, blob] = line.split(" ");
    need(dash === "—" && name && blob, "signature line");
    const signature = strictBase64(blob);
    if (name !== vkey.name || !signature.subarray(0, 4).equals(vkey.id)) continue;
    need(verify(null, Buffer.from(text), vkey.key, signature.subarray(4)), "signature");
    signed = true;
  }
  need(signed, "unsigned");
  const lines = text.split("\n");
  need(lines.pop() === "" && lines.length >= 3 && lines.every((line) => line), "lines");
  need(lines[0] === origin && /^(0|[1-9][0-9]*)$/.test(lines[1]), "origin or size");
  const root = strictBase64(lines[2]);
  need(root.length === 32, "root");
  return { size: Number(lines[1]), root };
}

// The root over a proof, by the recursive definition of a tree, not by the verifier's loop.
function rootOf(leaf, index, size, proof) {
  if (size === 1) {
    need(proof.length === 0, "proof too long");
    return leaf;
  }
  need(proof.length > 0, "proof too short");
  let split = 1;
  while (split * 2 < size) split *= 2;
  const sibling = proof[proof.length - 1];
  const rest = proof.slice(0, -1);
  return index < split
    ? sha256([1], rootOf(leaf, index, split, rest), sibling)
    : sha256([1], sibling, rootOf(leaf, index - split, size - split, rest));
}

function judgeProof({ proof, entry, origin, vkey }) {
  const raw = bin(proof);
  const cut = raw.indexOf("\n\n");
  const lines = raw.subarray(0, cut).toString().split("\n");
  need(lines.shift() === "c2sp.org/tlog-proof@v1", "header");
  if (lines[0].startsWith("extra ")) strictBase64(lines.shift().slice(6));
  const index = /^index (0|[1-9][0-9]*)$/.exec(lines.shift());
  need(index, "index");
  const head = judgeCheckpoint(raw.subarray(cut + 2), origin, vkey);
  const hashes = lines.map(strictBase64);
  need(hashes.every((hash) => hash.length === 32), "hash");
  need(Number(index[1]) < head.size, "index beyond the log");
  const leaf = sha256([0], bin(entry));
  need(rootOf(leaf, Number(index[1]), head.size, hashes).equals(head.root), "root");
}

function accepts(one) {
  try {
    if (one.kind === "history") judgeHistory(one);
    else if (one.kind === "checkpoint") judgeCheckpoint(bin(one.note), one.origin, one.vkey);
    else judgeProof(one);
    return true;
  } catch {
    return false;
  }
}

const { cases } = JSON.parse(readFileSync(0, "utf-8"));
console.log(JSON.stringify(cases.map((one) => [`${one.kind}: ${one.name}`, accepts(one)])));
