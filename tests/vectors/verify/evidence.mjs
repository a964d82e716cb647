// What somebody who watches a log hands on (docs/spec/audit.md §7).
import { unb64 } from "./bytes.mjs";
import { Fields, FORMS } from "./fields.mjs";
import { readCheckpoint, readVkey } from "./heads.mjs";
import { parseJws, readJwk, verifyJws } from "./jose.mjs";
import { need } from "./refused.mjs";

const CODE = /^[a-z][a-z0-9_]*$/;

function anchor(value) {
  const fields = new Fields(value, "anchor");
  const found = { size: BigInt(fields.uint("size")), root: fields.octets("root") };
  fields.uint("block");
  fields.time("time");
  fields.done();
  return found;
}

function note(text) {
  const raw = unb64(text);
  need(raw.length <= 4096, "evidence: a long note");
  return raw;
}

function logEvidence({ raw }) {
  const jws = parseJws(raw, "onefile-log-evidence+jwt", { limit: 1 << 20 });
  const fields = new Fields(jws.claims(), "evidence");
  fields.uint("v", { least: 1, most: 1 });
  fields.time("iat");
  const code = fields.text("code", { most: 64, form: CODE });
  fields.text("detail", { most: 500, least: 0 });
  const origin = fields.text("origin", { form: FORMS.origin });
  const vkey = fields.text("vkey", { most: 512 });
  const notes = fields.array("notes", { most: 16 }).map(note);
  const anchors = fields.array("anchors", { most: 16 }).map(anchor);
  const by = readJwk(fields.take("by"));
  fields.done();
  readVkey(vkey);
  verifyJws(jws, by);
  const heads = notes.map((one) => readCheckpoint(one, origin, vkey));
  const against = (others) => heads.find((one) => others.some(({ size, root }) => size === one.size && !root.equals(one.root)));
  const [two, other] = [against(heads), against(anchors)];
  const proof = two !== undefined ? "log" : other !== undefined ? "chain" : "word";
  return { sha256: jws.hash, code, proof, size: Number((two ?? other)?.size ?? -1n) };
}

export const judges = { "log-evidence": logEvidence };
