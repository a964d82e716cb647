// Scenarios, the DCQL in them, and what asks for more than they allow (docs/spec/scenario.md).
import { checkScope, structHash } from "./accounts.mjs";
import { Fields, FORMS, length, textOf } from "./fields.mjs";
import { parseJws, readJwk, verifyJws } from "./jose.mjs";
import { canonical } from "./json.mjs";
import { denied, need } from "./refused.mjs";
import { tokens } from "./texts.mjs";

const DAYS = 36_500;

function bilingual(fields, most) {
  fields.text("zh", { most });
  fields.text("en", { most });
  fields.done();
}

function readClaim(fields) {
  const path = fields.array("path", { least: 1, most: 8 });
  fields.optional("id", () => fields.text("id", { form: FORMS.query }));
  const values = fields.optional("values", () => fields.array("values", { least: 1, most: 64 }));
  const optional = fields.optional("optional", () => fields.boolean("optional"));
  fields.done();
  const step = (one) => one === null || (typeof one === "string" ? one !== "" && length(one) <= 64 : Number.isInteger(one) && one >= 0);
  need(path.every(step) && typeof path[0] === "string", "query: a bad path");
  need((values ?? []).every((one) => ["string", "number", "boolean"].includes(typeof one)), "query: a bad value");
  return { path, optional: optional === true };
}

/** The claims that are the same in all items: each asked of every credential, none optional, none a list. */
function readLinked(fields, query) {
  const linked = fields.array("linked", { least: 1, most: 4 });
  for (const path of linked) {
    need(Array.isArray(path) && path.length >= 1 && path.length <= 8 && path.every((step) => step !== null), "linked: a bad path");
    need(query.credentials.every(({ required }) => required.has(canonical(path))), "linked: not asked of every credential");
  }
  need(new Set(linked.map(canonical)).size === linked.length, "linked: a claim twice");
  return linked;
}

function readCredential(fields) {
  const id = fields.text("id", { form: FORMS.query });
  need(fields.text("format") === "dc+sd-jwt", "query: another format");
  const meta = fields.object("meta");
  meta.texts("vct_values", { least: 1, most: 16, form: FORMS.vct });
  meta.done();
  const claims = fields.objects("claims", { least: 1, most: 64 }).map(readClaim);
  fields.done();
  const paths = claims.map(({ path }) => path);
  need(new Set(paths.map(canonical)).size === paths.length, "query: a claim twice");
  const required = new Set(claims.filter(({ optional }) => !optional).map(({ path }) => canonical(path)));
  return { id, paths, required };
}

function readOptions(options) {
  return options.map((option) => {
    need(Array.isArray(option) && option.length >= 1 && option.length <= 32, "query: a bad option");
    return option.map((id) => textOf(id, { form: FORMS.query }));
  });
}

function readQuery(fields) {
  const credentials = fields.objects("credentials", { least: 1, most: 32 }).map(readCredential);
  const ids = credentials.map(({ id }) => id);
  need(new Set(ids).size === ids.length, "query: an id twice");
  const sets = fields.optional("credential_sets", () => fields.objects("credential_sets", { least: 1, most: 1 }));
  fields.done();
  if (sets === null) return { credentials, alternatives: [ids] };
  const alternatives = readOptions(sets[0].array("options", { least: 1, most: 16 }));
  sets[0].done();
  const named = new Set(alternatives.flat());
  need(named.size === ids.length && ids.every((id) => named.has(id)), "query: options that do not name each credential");
  need(alternatives.every((one) => new Set(one).size === one.length), "query: an id twice in an option");
  need(new Set(alternatives.map((one) => canonical([...one].sort()))).size === alternatives.length, "query: an option twice");
  return { credentials, alternatives };
}

export function readScenario(raw, key) {
  const jws = parseJws(raw, "onefile-scenario+jwt", { limit: 64 << 10 });
  const fields = new Fields(jws.claims(), "scenario");
  const query = readQuery(fields.object("query"));
  const id = fields.text("scenario_id", { form: FORMS.slug });
  fields.uint("version", { least: 1, most: 1_000_000 });
  bilingual(fields.object("title"), 100);
  const authority = fields.text("authority", { form: FORMS.agency });
  fields.texts("legal_basis", { least: 1, most: 16, chars: 500 });
  bilingual(fields.object("purpose"), 1000);
  fields.uint("sensitivity", { least: 1, most: 5 });
  fields.uint("max_age", { most: DAYS * 86_400 });
  fields.uint("retention_days", { most: DAYS });
  fields.uint("max_uses", { least: 1, most: 1_000_000 });
  fields.uint("max_validity_days", { least: 1, most: DAYS });
  const classes = fields.texts("grantee_classes", { least: 1, most: 32, form: FORMS.slug });
  const [effective, expires] = [fields.time("effective"), fields.time("expires")];
  const orNull = (name, read) => (fields.left.get(name) === null ? fields.take(name) : read(name));
  const withdrawn = orNull("withdrawn", (name) => fields.time(name));
  orNull("supersedes", (name) => fields.octets(name));
  const linked = fields.optional("linked", () => readLinked(fields, query)) ?? [];
  const alternatives = readOptions(fields.array("alternatives", { least: 1, most: 16 }));
  need(canonical(alternatives) === canonical(query.alternatives), "scenario: alternatives that differ from the query's");
  fields.done();
  need(expires > effective, "scenario: expires before it takes effect");
  verifyJws(jws, readJwk(key));
  return { jws, id, authority, query, classes, effective, expires, withdrawn, linked };
}

function scenario({ raw, key }) {
  const found = readScenario(raw, key);
  const uri = `urn:onefile:scenario:${found.authority.split(":")[5]}:${found.id}`;
  return { sha256: found.jws.hash, uri, alternatives: found.query.alternatives };
}

/** Whether a path names the pointer, or something that holds it. */
function covers(path, pointer) {
  const parts = tokens(pointer);
  const same = (step, token) => (step === null ? /^(0|[1-9][0-9]*)$/.test(token) : String(step) === token);
  return parts.length >= path.length && path.every((step, i) => same(step, parts[i]));
}

function excess(query, { query: id, claims, documents }) {
  const asked = query.credentials.find((one) => one.id === id);
  if (asked === undefined) return true;
  if (documents.length && !asked.paths.some(([first]) => first === "files")) return true;
  return claims.some((claim) => claim !== "/sub" && !asked.paths.some((path) => covers(path, claim)));
}

/** What later versions in the log end: a withdrawal everything, another version what begins. */
function checkCurrent(later, key, now, given) {
  const versions = later.map((raw) => readScenario(raw, key));
  if (versions.some(({ withdrawn }) => withdrawn !== null && now >= withdrawn)) denied("scenario_withdrawn");
  if (!given && versions.some(({ effective }) => now >= effective)) denied("scenario_superseded");
}

function checkLinked(linked, shown) {
  for (const path of linked) {
    const pointer = path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
    const values = shown.map((values) => values[pointer]);
    if (values.some((value) => value === undefined || value !== values[0])) denied("not_linked");
  }
}

function overAsking({ scenario: raw, key, scope, division, now, later = [], given = false, shown = [] }) {
  const found = readScenario(raw, key);
  if (found.withdrawn !== null && now >= found.withdrawn) denied("scenario_withdrawn");
  if (now < found.effective || now >= found.expires) denied("scenario_not_in_force");
  checkCurrent(later, key, now, given);
  if (!found.classes.includes(division)) denied("scenario_grantee");
  for (const part of scope) {
    structHash("ScopeItem", part);
    checkScope(part);
  }
  const queries = scope.map((part) => part.query);
  const one = found.query.alternatives.some((alternative) => queries.every((id) => alternative.includes(id)));
  if (!one || new Set(queries).size !== queries.length || scope.some((part) => excess(found.query, part))) denied("over_asking");
  checkLinked(found.linked, shown);
}

export const judges = { scenario, "over-asking": overAsking };
