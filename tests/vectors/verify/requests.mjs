// Signed requests (docs/http.md; RFC 9421, RFC 9530) and verdicts (docs/spec/verdict.md §1, §2).
import { b64u, octets, sha256, unb64, unb64u } from "./bytes.mjs";
import { Fields } from "./fields.mjs";
import { readJwk, verifyEs256 } from "./jose.mjs";
import { denied, need, Refused, untrusted } from "./refused.mjs";
import { contentDigest } from "./texts.mjs";

/** ``label=(components);parameters``: the part of RFC 8941 that may stand in Signature-Input. */
function readInput(text) {
  need(text.length <= 2048, "Signature-Input: too long");
  const item = /^ *([a-z*][a-z0-9_.*-]*)=\(([^()]*)\)((?:; *[a-z*][a-z0-9_.*-]*(?:=(?:-?[0-9]{1,15}|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"))?)*) *$/.exec(text);
  need(item, "Signature-Input: no list of components with parameters");
  const components = item[2].split(/ +/).filter(Boolean).map((one) => {
    need(/^"[^"\\]*"$/.test(one), "Signature-Input: a component with parameters, or no name");
    return one.slice(1, -1);
  });
  const parameters = new Map();
  for (const [, name, value] of item[3].matchAll(/; *([a-z*][a-z0-9_.*-]*)(?:=(-?[0-9]+|"(?:[^"\\]|\\.)*"))?/g)) {
    parameters.set(name, value === undefined ? true : value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : Number(value));
  }
  return { label: item[1], components, parameters, text: text.trim().slice(item[1].length + 1) };
}

function checkParameters(parameters) {
  const names = [...parameters.keys()].sort().join();
  need(names === "alg,created,keyid,nonce,tag", "Signature-Input: other parameters");
  need(parameters.get("alg") === "ecdsa-p256-sha256" && parameters.get("tag") === "onefile/v1", "another alg or tag");
  need(Number.isInteger(parameters.get("created")) && parameters.get("created") >= 0, "created");
  unb64u(parameters.get("keyid"), 32, "keyid");
  unb64u(parameters.get("nonce"), 16, "nonce");
}

function checkCoverage(components, { method, headers }, body) {
  const ours = ["content-digest", "idempotency-key", "onefile-act-for"].filter((name) => name in headers);
  const required = new Set(["@method", "@target-uri", ...ours]);
  if (body.length) required.add("content-digest");
  if (["POST", "PUT", "PATCH", "DELETE"].includes(method)) required.add("idempotency-key");
  if ([...required].some((name) => !components.includes(name))) denied("signature_components");
}

function checkSignature({ label, components, parameters, text }, { method, url, headers }, key) {
  const derived = { "@method": method, "@target-uri": url };
  const lines = components.map((name) => `"${name}": ${derived[name] ?? headers[name]?.trim()}`);
  const base = Buffer.from([...lines, `"@signature-params": ${text}`].join("\n"));
  const signature = new RegExp(`^${label.replaceAll("*", "\\*")}=:([A-Za-z0-9+/=]*):$`).exec(headers.signature);
  try {
    if (parameters.get("keyid") !== key.kid || !signature) untrusted("signature_wrong");
    verifyEs256(key, base, unb64(signature[1]), "signature_wrong");
  } catch (error) {
    if (error instanceof Refused) untrusted("signature_wrong");
    throw error;
  }
}

function request({ method, url, headers, body: sent, key, now }) {
  const body = sent === null ? Buffer.alloc(0) : octets(sent);
  if (!("signature" in headers) || !("signature-input" in headers)) denied("signature_missing");
  const input = readInput(headers["signature-input"]);
  checkParameters(input.parameters);
  checkCoverage(input.components, { method, headers }, body);
  const created = input.parameters.get("created");
  if (Math.abs(now - created) > 60) denied("signature_stale");
  if ("idempotency-key" in headers) unb64u(headers["idempotency-key"], 16);
  const digest = "content-digest" in headers ? contentDigest(headers["content-digest"]) : null;
  checkSignature(input, { method, url, headers }, readJwk(key));
  if (digest !== null && !digest.equals(sha256(body))) untrusted("content_digest_wrong");
  return { nonce: b64u(unb64u(input.parameters.get("nonce"))), created, act_for: headers["onefile-act-for"] ?? null };
}

const RELEASE = ["format", "grant_signature", "grant_scope", "grant_time", "grant_uses", "grant_revocation", "scenario_minimum", "mandate"];
const WINDOW = [...RELEASE, "issuer_signature", "issuer_authority", "status", "holder_binding", "anchor_inclusion", "anchor_finality"];
const POLICIES = {
  release: { required: RELEASE, bears: {} },
  window: { required: WINDOW, bears: { anchor_finality: 900 } },
  evidence: { required: [...WINDOW, "log_consistency"], bears: {} },
};
// A pass that rests on an older fact counts as unknown: those from the chain, and the status, for an hour.
const FRESH = new Set([
  ...["grant_signature", "grant_scope", "grant_revocation", "mandate", "issuer_signature", "issuer_authority"],
  ...["holder_binding", "anchor_inclusion", "log_consistency", "status"],
]);

function readCheck(fields) {
  const check = { name: fields.text("name", { most: 64 }), status: fields.text("status"), code: fields.text("code", { most: 64 }) };
  fields.text("detail", { least: 0, most: 4096 });
  check.age = fields.left.get("fact_age_s") === null ? fields.take("fact_age_s") : fields.uint("fact_age_s");
  fields.done();
  need(["pass", "fail", "unknown", "skipped"].includes(check.status), "verdict: no status");
  const stale = check.status === "pass" && FRESH.has(check.name) && check.age !== null && check.age > 3600;
  return stale ? { ...check, status: "unknown" } : check;
}

function holds({ name, status, code, age }, { bears }) {
  if (status === "skipped") return code === "not_applicable" && name !== "format";
  if (status === "unknown") return name in bears && age !== null && age <= bears[name];
  return status === "pass";
}

function verdict({ policy: name, report }) {
  const fields = new Fields(report, "verdict");
  need(["accept", "reject", "indeterminate"].includes(fields.text("verdict")), "verdict: no word of one");
  fields.time("at");
  const checks = fields.objects("checks", { most: 64 }).map(readCheck);
  fields.done();
  const policy = POLICIES[name];
  const required = checks.filter((check) => policy.required.includes(check.name));
  if (required.some(({ status }) => status === "fail")) throw new Refused("rejected", "a required check fails");
  const there = required.map((check) => check.name);
  const complete = policy.required.every((one) => there.includes(one)) && required.every((check) => holds(check, policy));
  if (!complete) throw new Refused("indeterminate", "a required check is unknown, or was not made");
  return { checks: checks.length };
}

export const judges = { "signed-request": request, verdict };
