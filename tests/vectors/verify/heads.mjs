// The tree, signed checkpoints, proofs and tiles (docs/spec/log.md §7 to §10, verdict.md §4; C2SP).
import { createPublicKey, verify } from "node:crypto";
import { asOctets, b64u, octets, sha256, unb64, unb64u, utf8 } from "./bytes.mjs";
import { length } from "./fields.mjs";
import { readEntry } from "./logs.mjs";
import { need, unavailable, untrusted } from "./refused.mjs";

const SPKI = Buffer.from("302a300506032b6570032100", "hex");
const MOST = 2n ** 63n - 1n;
const leafHash = (entry) => sha256([0], entry);
const nodeHash = (left, right) => sha256([1], left, right);

function checkName(name) {
  need(name !== "" && length(name) <= 255 && !/[\s+\x00-\x1f]/u.test(name), "a bad key name");
}

export function readVkey(text) {
  need(typeof text === "string", "vkey");
  const [name, id, ...rest] = text.split("+");
  need(rest.length > 0 && /^[0-9a-f]{8}$/.test(id), "vkey");
  const key = unb64(rest.join("+"), 33);
  need(key[0] === 1, "vkey: another algorithm");
  checkName(name);
  const found = sha256(name, "\n", key).subarray(0, 4);
  need(found.toString("hex") === id, "vkey: the hash is not that of the key");
  return { name, id: found, key: key.subarray(1) };
}

/** A signed note taken apart: the text that is signed, and its signatures. */
function readNote(raw) {
  need(raw.length <= 256 << 10, "note: too large");
  const whole = utf8(raw);
  need(whole !== null && whole.endsWith("\n"), "note");
  const cut = whole.lastIndexOf("\n\n");
  need(cut >= 0 && cut + 2 < whole.length, "note: no signatures");
  const text = whole.slice(0, cut + 1);
  need(!/[\x00-\x09\x0b-\x1f]/.test(text), "note: a control character");
  const lines = whole.slice(cut + 2, -1).split("\n");
  need(lines.length <= 64, "note: too many signatures");
  return { text, signatures: lines.map(readSignature) };
}

function readSignature(line) {
  const [dash, name, ...rest] = line.split(" ");
  need(dash === "—" && name !== undefined, "note: no signature line");
  checkName(name);
  const blob = unb64(rest.join(" "));
  need(blob.length >= 5, "note: a signature without its key's id");
  return { name, id: blob.subarray(0, 4), signature: blob.subarray(4) };
}

/** Whether a key signed the note: all of its signatures must hold. */
function isSigned({ text, signatures }, vkey) {
  const ours = signatures.filter(({ name, id }) => name === vkey.name && id.equals(vkey.id));
  const key = createPublicKey({ key: Buffer.concat([SPKI, vkey.key]), format: "der", type: "spki" });
  if (ours.some(({ signature }) => !verify(null, Buffer.from(text), key, signature))) untrusted("note_signature");
  return ours.length > 0;
}

/** former: keys that were replaced, oldest first, as [vkey, the size up to which it counts]. */
export function readCheckpoint(raw, origin, vkeyText, former = []) {
  const keys = [[vkeyText, MOST], ...former.toReversed()].map(([text, upto]) => [readVkey(text), BigInt(upto)]);
  if (keys.some(([{ name }]) => name !== origin)) untrusted("checkpoint_key");
  const note = readNote(raw);
  const { text } = note;
  const [, upto] = keys.find(([key]) => isSigned(note, key)) ?? untrusted("note_unsigned");
  const lines = text.split("\n");
  need(lines.pop() === "" && lines.length >= 3 && lines.every(Boolean), "checkpoint: its lines");
  need(/^(0|[1-9][0-9]{0,18})$/.test(lines[1]) && BigInt(lines[1]) <= MOST, "checkpoint: its size");
  const root = unb64(lines[2], 32);
  if (lines[0] !== origin) untrusted("checkpoint_origin");
  if (BigInt(lines[1]) > upto) untrusted("checkpoint_key_former");
  return { size: BigInt(lines[1]), root, extensions: lines.slice(3) };
}

const largestBelow = (size) => 1n << BigInt((size - 1n).toString(2).length - 1);

/** The root that a proof leads to, by the recursive definition of the tree (RFC 9162 §2.1.3.1), or null. */
function rootOf(leaf, index, size, proof) {
  if (size === 1n) return proof.length === 0 ? leaf : null;
  if (proof.length === 0) return null;
  const [split, rest, sibling] = [largestBelow(size), proof.slice(0, -1), proof.at(-1)];
  const left = index < split;
  const inner = left ? rootOf(leaf, index, split, rest) : rootOf(leaf, index - split, size - split, rest);
  if (inner === null) return null;
  return left ? nodeHash(inner, sibling) : nodeHash(sibling, inner);
}

/** Both roots that a consistency proof gives (RFC 9162 §2.1.4.1), or null. ``whole``: the old tree is a node itself. */
function rootsOf(first, second, proof, oldRoot, whole = true) {
  if (first === second) {
    if (whole) return proof.length === 0 ? [oldRoot, oldRoot] : null;
    return proof.length === 1 ? [proof[0], proof[0]] : null;
  }
  if (proof.length === 0) return null;
  const [split, rest, sibling] = [largestBelow(second), proof.slice(0, -1), proof.at(-1)];
  if (first <= split) {
    const inner = rootsOf(first, split, rest, oldRoot, whole);
    return inner && [inner[0], nodeHash(inner[1], sibling)];
  }
  const inner = rootsOf(first - split, second - split, rest, oldRoot, false);
  return inner && [nodeHash(sibling, inner[0]), nodeHash(sibling, inner[1])];
}

function checkConsistency(older, newer, proof) {
  need(proof.length <= 64, "consistency: too many hashes");
  const found = rootsOf(older.size, newer.size, proof, older.root);
  if (found === null || !found[0].equals(older.root) || !found[1].equals(newer.root)) untrusted("consistency_proof");
}

function readProof(raw, entry, origin, vkey, former) {
  const cut = raw.indexOf("\n\n");
  need(cut >= 0, "tlog-proof: no empty line");
  const lines = raw.toString("latin1", 0, cut).split("\n");
  need(lines.shift() === "c2sp.org/tlog-proof@v1", "tlog-proof: its header");
  if (lines[0]?.startsWith("extra ")) need(unb64(lines.shift().slice(6)).length <= 16 << 10, "tlog-proof: extra");
  const index = /^index (0|[1-9][0-9]{0,18})$/.exec(lines.shift() ?? "");
  need(index && BigInt(index[1]) < MOST, "tlog-proof: its index");
  const hashes = lines.map((line) => unb64(line, 32));
  need(hashes.length <= 63, "tlog-proof: too many hashes");
  readNote(raw.subarray(cut + 2));
  const head = readCheckpoint(raw.subarray(cut + 2), origin, vkey, former);
  const at = BigInt(index[1]);
  need(at < head.size, "tlog-proof: an index beyond the log");
  if (!rootOf(leafHash(entry), at, head.size, hashes)?.equals(head.root)) untrusted("inclusion_proof");
  return { index: Number(at), head };
}

function vkey({ text }) {
  const { name, id, key } = readVkey(text);
  return { name, key_id: id.toString("hex"), key: b64u(key) };
}

function checkpoint({ note, origin, vkey: key, former }) {
  const raw = octets(note);
  const { size, root, extensions } = readCheckpoint(raw, origin, key, former);
  return { size: String(size), root: b64u(root), extensions, hash: b64u(sha256(raw)) };
}

function growth({ older, newer, proof, origin, vkey: key }) {
  const [before, after] = [older, newer].map((note) => readCheckpoint(octets(note), origin, key));
  const hashes = proof.map((text) => unb64(text, 32));
  if (after.size < before.size) untrusted("rolled_back");
  if (after.size === before.size && !after.root.equals(before.root)) untrusted("equivocation");
  if (before.size) checkConsistency(before, after, hashes);
  return { grown: Number(after.size - before.size) };
}

function tlogProof({ proof, entry, origin, vkey: key }) {
  const { index, head } = readProof(octets(proof), octets(entry), origin, key);
  return { index, size: Number(head.size) };
}

function anchoredEntry({ entry, proof, consistency, anchors, origin, vkey: key, former }) {
  const raw = octets(entry);
  readEntry(raw);
  const hashes = consistency.map((text) => unb64(text, 32));
  const { index, head } = readProof(octets(proof), raw, origin, key, former);
  const heads = anchors.map(([size, root, time]) => ({ size: BigInt(size), root: unb64u(root, 32), time }));
  const same = heads.find(({ size }) => size === head.size);
  if (same !== undefined && !same.root.equals(head.root)) untrusted("equivocation");
  if (same === undefined) {
    const last = heads.at(-1) ?? unavailable("not_anchored");
    if (last.size < head.size) checkConsistency(last, head, hashes);
    else checkConsistency(head, last, hashes);
  }
  return { index, time: heads.find(({ size }) => size > BigInt(index))?.time ?? null };
}

function readTilePath(path) {
  const found = typeof path === "string" ? /^tile\/(entries|[0-7])\/((?:x[0-9]{3}\/)*)([0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path) : null;
  need(found, "tile path");
  const groups = found[2].replaceAll("x", "").split("/").filter(Boolean);
  need(groups.length <= 6 && groups[0] !== "000", "tile path: a group of zeros in front");
  const width = found[4] === undefined ? 256 : Number(found[4]);
  need(found[4] === undefined || width < 256, "tile path: its width");
  return [found[1] === "entries" ? null : Number(found[1]), Number([...groups, found[3]].join("")), width];
}

function readBundle(raw, width) {
  const entries = [];
  let at = 0;
  while (at < raw.length) {
    need(at + 2 <= raw.length, "bundle: cut off");
    const size = raw.readUInt16BE(at);
    need(at + 2 + size <= raw.length, "bundle: cut off");
    entries.push(raw.subarray(at + 2, at + 2 + size));
    at += 2 + size;
  }
  need(entries.length === width, "bundle: another number of entries");
  return entries;
}

/** One entry from a stranger's tiles: every tile that is used must lead to the root. Two levels are all that we need here. */
function tiles({ size, root, index, tiles: files }) {
  need(Number.isInteger(index) && index >= 0 && index < size && size < 65_536, "an index beyond the log");
  const load = (level, n, count) => {
    const width = Math.min(count - 256 * n, 256);
    const base = `tile/${level}/${String(n).padStart(3, "0")}`;
    for (const [path, full] of [[width < 256 ? `${base}.p/${width}` : base, width], [base, 256]]) {
      if (path in files) return { raw: unb64u(files[path]), width, full };
    }
    return unavailable("tile_missing", base);
  };
  const hashes = (level, n, count) => {
    const { raw, width, full } = load(level, n, count);
    need(raw.length === full * 32, "tile: another length");
    return Array.from({ length: width }, (_, i) => raw.subarray(32 * i, 32 * i + 32));
  };
  const upper = size >> 8;
  const edge = size % 256 ? hashes(0, upper, size) : [];
  const above = upper ? hashes(1, 0, upper) : [];
  // The tree over full tiles above and the partial one beside them.
  const peaks = [...above.map((hash) => [256, hash]), ...edge.map((hash) => [1, hash])];
  if (!treeOf(peaks, size).equals(unb64u(root, 32))) untrusted("tiles_root");
  const n = index >> 8;
  const row = n === upper ? edge : hashes(0, n, size);
  if (n !== upper && !treeOf(row.map((hash) => [1, hash]), 256).equals(above[n])) untrusted("tile");
  const { raw, full } = load("entries", n, size);
  const entry = readBundle(raw, full)[index % 256];
  if (!leafHash(entry).equals(row[index % 256])) untrusted("tile");
  return asOctets(entry);
}

/** The root over ``size`` leaves, given as complete subtrees from left to right. */
function treeOf(parts, size) {
  if (parts.length === 1) return parts[0][1];
  const split = Number(largestBelow(BigInt(size)));
  let at = 0;
  for (let covered = 0; covered < split; at++) covered += parts[at][0];
  return nodeHash(treeOf(parts.slice(0, at), split), treeOf(parts.slice(at), size - split));
}

export const judges = {
  vkey,
  checkpoint,
  growth,
  "tlog-proof": tlogProof,
  "anchored-entry": anchoredEntry,
  "tile-path": ({ path }) => readTilePath(path),
  "entry-bundle": ({ raw, width }) => readBundle(unb64u(raw), width).map(asOctets),
  tiles,
};
