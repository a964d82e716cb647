// SD-JWT (RFC 9901), credentials of our profile, presentations, status lists (docs/spec/credential.md §2, §3).
import { inflateSync } from "node:zlib";
import { b64u, hex0x, sha256, unb64u } from "./bytes.mjs";
import { ascending, Fields, FORMS, textOf } from "./fields.mjs";
import { parseJws, readJwk, verifyJws } from "./jose.mjs";
import { isObject, parse } from "./json.mjs";
import { denied, need, unavailable, untrusted } from "./refused.mjs";
import { readFile } from "./signed.mjs";
import { certificateId, dossierUrn } from "./texts.mjs";

const DEPTH = 24;
const RESERVED = ["_sd", "...", "_sd_alg"];
const CLEAR = new Set([
  ...["iss", "iat", "vct", "cnf", "status", "files", "_sd", "_sd_alg", "certificate_type_code"],
  ...["issue_dept_name", "issue_dept_code", "issue_date", "effective_date", "expiring_date"],
]);
const escape = (token) => String(token).replaceAll("~", "~0").replaceAll("/", "~1");

function readDisclosure(raw) {
  need(raw.length <= 64 << 10, "disclosure: too large");
  const value = parse(unb64u(raw));
  need(Array.isArray(value) && (value.length === 2 || value.length === 3), "disclosure: not two or three elements");
  textOf(value[0], {}, "salt");
  if (value.length === 2) return { raw, digest: b64u(sha256(raw)), name: null, value: value[1] };
  const name = textOf(value[1], { least: 0 }, "claim name");
  need(!RESERVED.includes(name), "disclosure: a reserved name");
  return { raw, digest: b64u(sha256(raw)), name, value: value[2] };
}

/** RFC 9901 §7.1, steps 3 to 5: every digest replaced by its disclosure, each once. */
class Opener {
  constructor(disclosures) {
    this.left = new Map(disclosures.map((one) => [one.digest, one]));
    need(this.left.size === disclosures.length, "a disclosure twice");
    this.seen = new Set();
    this.count = 0;
    this.values = new Map();
    this.disclosed = new Set();
  }

  take(digest) {
    unb64u(digest, 32, "digest");
    need(!this.seen.has(digest), "a digest twice");
    this.seen.add(digest);
    const found = this.left.get(digest);
    this.left.delete(digest);
    return found;
  }

  object(value, at, depth) {
    need(!("..." in value) && !("_sd_alg" in value), "a reserved name out of place");
    const out = Object.create(null);
    for (const [name, inner] of Object.entries(value)) {
      if (name !== "_sd") out[name] = this.any(inner, `${at}/${escape(name)}`, depth - 1);
    }
    const digests = value._sd ?? [];
    need(Array.isArray(digests), "_sd: no list");
    for (const found of digests.map((digest) => this.take(digest))) {
      if (found === undefined) continue;
      need(found.name !== null && !(found.name in out), "a disclosure that does not fit an object");
      out[found.name] = this.place(found, `${at}/${escape(found.name)}`, depth);
    }
    return out;
  }

  array(value, at, depth) {
    return value.flatMap((element, i) => {
      const here = `${at}/${i}`;
      if (!isObject(element) || !("..." in element)) return [this.any(element, here, depth - 1)];
      need(Object.keys(element).length === 1, "a reserved name out of place");
      const found = this.take(element["..."]);
      if (found === undefined) return [];
      need(found.name === null, "a disclosure that does not fit a list");
      return [this.place(found, here, depth)];
    });
  }

  place(found, at, depth) {
    const value = this.any(found.value, at, depth - 1);
    this.disclosed.add(at);
    return value;
  }

  any(value, at, depth) {
    need(depth >= 0 && [...at].length <= 512, "claims nested too deep");
    need(++this.count <= 8192, "too many values");
    let shown = value;
    if (Array.isArray(value)) shown = this.array(value, at, depth);
    else if (isObject(value)) shown = this.object(value, at, depth);
    this.values.set(at, shown);
    return shown;
  }
}

/** A credential with the disclosures that came, its structure and profile checked, and nobody's signature. */
export function readCredential(raw) {
  need(typeof raw === "string" && raw.length <= 1 << 20 && /^[\x00-\x7f]*$/.test(raw), "SD-JWT");
  const parts = raw.split("~");
  need(parts.length >= 2 && parts.length - 2 <= 512, "SD-JWT: no tilde, or too many");
  const issuer = parseJws(parts[0], "dc+sd-jwt");
  const disclosures = parts.slice(1, -1).map(readDisclosure);
  const binding = parts.at(-1) === "" ? null : parseJws(parts.at(-1), "kb+jwt", { kid: false });
  const { _sd_alg: alg = "sha-256", ...payload } = issuer.claims();
  need(alg === "sha-256", "another hash than SHA-256");
  const opener = new Opener(disclosures);
  const claims = opener.object(Object.assign(Object.create(null), payload), "", DEPTH);
  if (opener.left.size) untrusted("disclosure_unknown");
  const found = { issuer, binding, claims, opener, bound: raw.slice(0, raw.length - parts.at(-1).length) };
  return { ...found, ...readProfile(issuer.claims(), claims, opener) };
}

function readProfile(payload, claims, { disclosed, values }) {
  need(Object.keys(payload).every((name) => CLEAR.has(name)), "a claim of the holder in the clear");
  for (const pointer of disclosed) {
    const name = pointer.slice(1).split("/")[0];
    textOf(name, { form: FORMS.claim }, "claim name");
    need(pointer !== `/${name}` || !CLEAR.has(name), "a claim withheld that stands in the clear");
  }
  need(Array.isArray(payload.files) && payload.files.length <= 63, "files");
  need(payload.files.every((one) => isObject(one) && "..." in one), "a document in the clear");
  const fields = new Fields(Object.fromEntries(Object.entries(claims).filter(([name]) => CLEAR.has(name))), "credential");
  fields.take("files");
  const facts = readClear(fields);
  const pointers = [...disclosed].filter((pointer) => /^\/files\/[0-9]+$/.test(pointer)).sort();
  const files = Object.fromEntries(pointers.map((pointer) => [pointer, readFile(values.get(pointer))]));
  need(new Set(Object.values(files)).size === pointers.length, "two documents of one name");
  const subject = "sub" in claims ? dossierUrn(claims.sub) : null;
  if ("certificate_id" in claims) {
    const [type, dept] = certificateId(claims.certificate_id);
    need(type === facts.type && dept === facts.dept, "a certificate of another type or issuer");
  }
  return { ...facts, files, subject: subject === null ? null : hex0x(subject) };
}

function readClear(fields) {
  const vct = fields.text("vct", { form: FORMS.vct }).split(":");
  const type = fields.text("certificate_type_code", { form: /^[0-9A-Z]{21}$/ });
  fields.text("issue_dept_name", { most: 200 });
  const dept = fields.text("issue_dept_code", { form: /^[0-9A-Z]{18}$/ });
  day(fields, "issue_date");
  const from = day(fields, "effective_date");
  const until = fields.optional("expiring_date", () => day(fields, "expiring_date"));
  need(until === null || until >= from, "an end before the beginning");
  const iss = fields.text("iss", { form: FORMS.agency });
  const iat = fields.time("iat");
  const status = fields.object("status");
  const list = status.object("status_list");
  const place = [list.text("uri", { form: FORMS.status }), list.uint("idx", { most: 2 ** 19 - 1 })];
  list.done();
  status.done();
  const cnf = fields.object("cnf");
  const key = readJwk(cnf.take("jwk"));
  cnf.done();
  fields.done();
  return { licence: [vct[3], Number(vct[4])], type, dept, from, until, iss, iat, status: place, key };
}

/** A day, as days since 1970. */
function day(fields, name) {
  const text = fields.text(name, { form: FORMS.date });
  const date = new Date(`${text}T00:00:00Z`);
  need(!Number.isNaN(date.getTime()) && date.toISOString().startsWith(text) && !text.startsWith("0000"), `${name}: no such day`);
  return date.getTime() / 86_400_000;
}

/** The disclosed pointers that hold no other disclosed one; ``/sub`` is always shown and never counts. */
function shownClaims({ opener }) {
  const all = [...opener.disclosed];
  const leaves = all.filter((pointer) => pointer !== "/sub" && !all.some((other) => other.startsWith(`${pointer}/`)));
  return leaves.sort((a, b) => (ascending([a, b]) ? -1 : 1));
}

function facts(found) {
  return { subject: found.subject, shown: shownClaims(found), issuer_jwt_sha256: found.issuer.hash };
}

function credential({ raw, key, now, max_age: maxAge }) {
  const found = readCredential(raw);
  verifyJws(found.issuer, readJwk(key));
  const today = Math.floor((now + 8 * 3600) / 86_400); // in China
  if (today < found.from) denied("credential_not_yet");
  if (found.until !== null && today > found.until) denied("credential_expired");
  if (maxAge && now - found.iat > maxAge) denied("credential_too_old");
  return { ...facts(found), licence: found.licence, status: found.status, holder_key: found.key.kid, files: found.files };
}

function presentation({ raw, key, aud, nonce, named }) {
  const found = readCredential(raw);
  verifyJws(found.issuer, readJwk(key));
  checkBinding(found, aud, nonce);
  const shown = shownClaims(found);
  const wanted = named.filter((pointer) => pointer !== "/sub");
  const below = (pointer) => [...found.opener.disclosed].some((one) => pointer === one || pointer.startsWith(`${one}/`));
  const clear = (pointer) => found.opener.values.has(pointer) && !below(pointer);
  if (wanted.some((pointer) => !shown.includes(pointer) && !clear(pointer))) untrusted("claims_missing");
  if (shown.some((pointer) => !wanted.includes(pointer))) untrusted("claims_unnamed");
  const values = Object.fromEntries(shown.map((pointer) => [pointer, found.opener.values.get(pointer)]));
  return { ...facts(found), values };
}

function checkBinding({ binding, key, bound }, aud, nonce) {
  if (binding === null) untrusted("key_binding_missing");
  const fields = new Fields(binding.claims(), "key binding");
  fields.time("iat");
  const said = [fields.text("aud", { most: 512 }), fields.text("nonce", { most: 512 }), fields.octets("sd_hash")];
  fields.done();
  verifyJws(binding, key);
  if (said[0] !== aud) untrusted("key_binding_aud");
  if (said[1] !== nonce) untrusted("key_binding_nonce");
  if (!said[2].equals(sha256(bound))) untrusted("key_binding_hash");
}

function unpacked(packed) {
  const most = 2 ** 17;
  let list;
  try {
    const { buffer, engine } = inflateSync(packed, { maxOutputLength: most, info: true });
    // Node stops at the end of the stream, whatever follows it.
    need(engine.bytesWritten === packed.length, "lst: something behind it");
    list = buffer;
  } catch (error) {
    need(false, `lst: ${error.message}`);
  }
  need(list.length >= 2 ** 15 && list.length <= most, "lst: another size");
  return list;
}

function statusList({ raw, key, uri, now, idx }) {
  const jws = parseJws(raw, "statuslist+jwt");
  const fields = new Fields(jws.claims(), "status token");
  const iss = fields.text("iss", { form: FORMS.agency });
  const sub = fields.text("sub", { form: FORMS.status });
  const [iat, exp] = [fields.time("iat"), fields.time("exp")];
  fields.uint("ttl", { least: 1, most: 86_400 });
  const inner = fields.object("status_list");
  inner.uint("bits", { least: 2, most: 2 });
  const list = unpacked(unb64u(inner.take("lst")));
  inner.done();
  fields.done();
  need(iat < exp && exp <= iat + 86_400, "status token: its lifetime");
  need(iss.split(":").at(-1) === sub.split(":")[3], "status token: named after another account");
  verifyJws(jws, readJwk(key));
  if (sub !== uri) untrusted("status_uri");
  if (now < iat - 120 || now >= exp) unavailable("status_stale");
  if (idx >= list.length * 4) untrusted("status_index");
  const status = (list[idx >> 2] >> ((idx & 3) * 2)) & 3;
  return { status: ["valid", "invalid", "suspended", "correcting"][status], entries: list.length * 4 };
}

export const judges = { credential, presentation, "status-list": statusList };
