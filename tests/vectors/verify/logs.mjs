// Entries, openings, uses and histories (docs/spec/log.md §2 to §6, §11).
import { b64u, hmac, octets, sha256, u64, unb64u, ZERO32 } from "./bytes.mjs";
import { Fields, FORMS, textOf } from "./fields.mjs";
import { parseCanonical } from "./json.mjs";
import { need, untrusted } from "./refused.mjs";

export function readEntry(raw) {
  const fields = new Fields(parseCanonical(raw, 512), "entry");
  fields.uint("v", { least: 1, most: 1 });
  const t = textOf(fields.take("t"), { most: 32, form: FORMS.type }, "entry.t");
  const entry = { t, tag: fields.octets("tag"), pv: fields.octets("pv"), c: fields.octets("c") };
  fields.done();
  return entry;
}

function readOpening(value) {
  const fields = new Fields(value, "opening");
  const opening = { n: fields.uint("n"), salt: fields.octets("salt"), digest: fields.octets("object_sha256") };
  opening.t = textOf(fields.take("t"), { most: 32, form: FORMS.type }, "opening.t");
  opening.index = fields.uint("index");
  fields.done();
  return opening;
}

function readRecord(raw) {
  const fields = new Fields(parseCanonical(raw, 128 << 10), "access record");
  fields.octets("receipt");
  const grant = fields.optional("grant", () => fields.octets("grant"));
  const show = fields.optional("show", () => fields.octets("show", 16));
  const useNo = fields.uint("use_no");
  const released = fields.array("released", { most: 1024 }).map((one) => b64u(unb64u(one, 32)));
  const at = fields.time("at");
  fields.done();
  need((grant === null) !== (show === null), "access record: exactly one of grant and show");
  need(new Set(released).size === released.length, "access record: released twice");
  return { basis: grant ?? show, useNo, released: released.length, at };
}

const commitment = (salt, digest) => sha256("onefile/c/v1", salt, digest);
const accessTag = (key, useNo) => hmac(key, u64(useNo));

function checkOpening(entry, opening, object) {
  if (opening.t !== entry.t) untrusted("opening_type");
  if (!sha256(object).equals(opening.digest)) untrusted("opening_object");
  if (!commitment(opening.salt, opening.digest).equals(entry.c)) untrusted("opening_commitment");
}

function entry({ raw }) {
  const bytes = octets(raw);
  return { t: readEntry(bytes).t, leaf_hash: b64u(sha256([0], bytes)), entry_hash: b64u(sha256(bytes)) };
}

function opening({ entry: raw, opening: value, object }) {
  const found = readOpening(value);
  checkOpening(readEntry(octets(raw)), found, octets(object));
  return { n: found.n, index: found.index };
}

function accessRecord({ raw }) {
  const { basis, useNo, released, at } = readRecord(octets(raw));
  return { basis: b64u(basis), use_no: useNo, released, at };
}

function useInLog({ entry: raw, opening: value, object, grant_tag_key: key }) {
  const found = readEntry(octets(raw));
  const opened = readOpening(value);
  const tagKey = unb64u(key, 32);
  if (found.t !== "access") untrusted("entry_kind");
  checkOpening(found, opened, octets(object));
  const { useNo } = readRecord(octets(object));
  if (!accessTag(tagKey, useNo).equals(found.tag)) untrusted("access_tag");
  return { use_no: useNo };
}

function publicEntry({ entry: raw, uri, previous, object }) {
  const before = unb64u(previous, 32);
  const { t, tag, pv, c } = readEntry(octets(raw));
  const holds = tag.equals(sha256("onefile/public/v1", uri)) && pv.equals(before) && c.equals(commitment(ZERO32, sha256(octets(object))));
  if (!holds) untrusted("public_entry");
  return { t };
}

function history({ tag_key: key, history: steps, head }) {
  const tagKey = unb64u(key, 32);
  let { n, before, index } = head === null ? { n: 0, before: ZERO32, index: -1 } : { ...head, before: unb64u(head.entry_hash, 32) };
  for (const step of steps) {
    const raw = octets(step.entry);
    const found = readEntry(raw);
    const opened = step.opening === null ? null : readOpening(step.opening);
    if (step.index <= index || (opened && (opened.n !== n || opened.index !== step.index))) untrusted("history_order");
    if (!found.pv.equals(hmac(tagKey, "onefile/pv/v1", u64(n), before))) untrusted("history_link");
    const object = step.object === null ? null : octets(step.object);
    if (opened && object) checkOpening(found, opened, object);
    checkTag(tagKey, n, found, opened && object);
    n++;
    before = sha256(raw);
    index = step.index;
  }
  return { n, entry_hash: b64u(before), index };
}

function checkTag(tagKey, n, found, object) {
  let want = hmac(tagKey, "onefile/tag/v1", u64(n));
  if (found.t === "access") {
    // The tag of a use follows from its record; where that was erased, the link must do.
    if (!object) return;
    const record = readRecord(object);
    want = accessTag(hmac(tagKey, "onefile/grant-tag/v1", record.basis), record.useNo);
  }
  if (!want.equals(found.tag)) untrusted("history_tag");
}

export const judges = {
  entry,
  opening,
  "access-record": accessRecord,
  "use-in-log": useInLog,
  "public-entry": publicEntry,
  history,
};
