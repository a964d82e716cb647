// What P-256 keys sign beside credentials: slips, receipts, statements, card tokens (docs/spec/credential.md §4–6, show.md §3).
import { b64u, hex0x, octets, sha256, unb64u } from "./bytes.mjs";
import { ascending, Fields, FORMS } from "./fields.mjs";
import { parseJws, readJwk, verifyJws } from "./jose.mjs";
import { parseCanonical } from "./json.mjs";
import { denied, need, untrusted } from "./refused.mjs";

const LIMIT = { limit: 64 << 10 };

function within(iat, now, seconds) {
  if (Math.abs(iat - now) > seconds) denied("iat_off");
}

function meantFor(aud, want) {
  if (aud !== want) untrusted("wrong_audience");
}

/** One entry of ``files``: of a credential, and of a list of own documents. */
export function readFile(value) {
  const fields = new Fields(value, "file");
  const name = fields.text("name", { most: 200, form: FORMS.file });
  fields.text("media_type", { form: FORMS.media });
  fields.uint("size", { most: 2 ** 32 });
  fields.octets("sha256");
  fields.octets("sm3");
  fields.done();
  need(!name.startsWith("."), "file: a hidden name");
  return name;
}

export function readSlip(raw) {
  const jws = parseJws(raw, "onefile-slip+jwt", LIMIT);
  const fields = new Fields(jws.claims(), "slip");
  fields.text("jti", { form: FORMS.random16 });
  fields.time("iat");
  const slip = { jws, iss: fields.text("iss", { form: FORMS.party }), aud: fields.text("aud", { form: FORMS.origin }) };
  slip.dossier = hex0x(fields.hex("dossier"));
  slip.item = b64u(fields.octets("item"));
  slip.commitment = fields.octets("item_commitment");
  fields.hex("card");
  slip.objects = fields.objects("objects", { least: 1, most: 64 }).map((part) => {
    const payload = b64u(part.octets("payload"));
    part.uint("payload_size", { least: 32, most: 2 ** 32 });
    part.octets("header");
    part.done();
    return payload;
  });
  fields.done();
  need(new Set(slip.objects).size === slip.objects.length, "slip: one payload twice");
  slip.own = slip.iss.startsWith("urn:onefile:dossier:");
  need(!slip.own || slip.iss === `urn:onefile:dossier:${slip.dossier}`, "slip: by another dossier");
  return slip;
}

function verifySlip(raw, key, log) {
  const slip = readSlip(raw);
  verifyJws(slip.jws, readJwk(key));
  meantFor(slip.aud, log);
  return slip;
}

export const itemCommitment = (salt, object) => sha256("onefile/item/v1", salt, sha256(object));

function slip({ raw, key, log }) {
  const found = verifySlip(raw, key, log);
  return { sha256: found.jws.hash, own: found.own, item: found.item, objects: found.objects.length };
}

function item({ slip: raw, key, log, salt, object }) {
  const found = verifySlip(raw, key, log);
  const made = itemCommitment(unb64u(salt, 32), octets(object));
  if (!made.equals(found.commitment)) untrusted("item_commitment");
  return { commitment: b64u(made) };
}

export function readReceipt(raw) {
  const jws = parseJws(raw, "onefile-receipt+jwt", LIMIT);
  const fields = new Fields(jws.claims(), "receipt");
  need(fields.has("grant") !== fields.has("show"), "receipt: exactly one of grant and show");
  fields.text("jti", { form: FORMS.random16 });
  const iat = fields.time("iat");
  fields.text("iss", { form: FORMS.agency });
  const aud = fields.text("aud", { form: FORMS.origin });
  const grant = fields.optional("grant", () => b64u(fields.octets("grant")));
  const show = fields.optional("show", () => b64u(fields.octets("show", 16)));
  fields.octets("scenario");
  const officer = fields.object("officer");
  officer.text("class", { form: FORMS.slug });
  officer.text("ref", { most: 64 });
  officer.done();
  const items = fields.objects("items", { most: 64 }).map(receiptItem);
  const until = fields.time("retain_until");
  const nonce = fields.optional("nonce", () => fields.octets("nonce", 16));
  fields.hex("card");
  fields.done();
  need((nonce !== null) === (show !== null), "receipt: a nonce with a show, and only then");
  need((items.length > 0) === (grant !== null), "receipt: items with a grant, and only then");
  need(new Set(items).size === items.length, "receipt: an item twice");
  need(until >= iat, "receipt: kept until before it is made");
  return { jws, iat, aud, grant, show, items };
}

function receiptItem(fields) {
  const id = b64u(fields.octets("item"));
  const claims = fields.texts("claims", { most: 128, form: FORMS.pointer });
  const documents = fields.array("documents", { most: 64 }).map((one) => hex0x(unb64u(one, 32)));
  fields.done();
  need(ascending(claims) && ascending(documents), "receipt: claims or documents out of order");
  return id;
}

function receipt({ raw, key, log, now }) {
  const found = readReceipt(raw);
  verifyJws(found.jws, readJwk(key));
  meantFor(found.aud, log);
  within(found.iat, now, 120);
  return { sha256: found.jws.hash, basis: found.grant === null ? "show" : "grant", items: found.items.length };
}

// docs/spec/credential.md §5: what a kind must carry, what it may, and what it is logged as.
const KINDS = {
  claim: [["item"], ["text"]],
  delete: [["item"], ["text"]],
  notice: [["text"], ["item", "about", "grant"]],
  acknowledgement: [["about"], ["item", "text"]],
  retention: [["about"], ["item", "grant", "text"]],
  review: [["about"], ["grant", "show", "text"]],
  stamp: [["about"], ["item", "text"]],
  complaint: [["about", "text"], ["grant", "show"]],
  undelivered: [["show"], ["about", "text"]],
  renewal: [["grant"], ["text"]],
  correction: [["item", "text"], ["about"]],
};

function statement({ raw, key, log, now }) {
  const jws = parseJws(raw, "onefile-statement+jwt", LIMIT);
  const fields = new Fields(jws.claims(), "statement");
  fields.text("jti", { form: FORMS.random16 });
  const iat = fields.time("iat");
  fields.text("iss", { form: FORMS.party });
  const aud = fields.text("aud", { form: FORMS.origin });
  const kind = fields.text("kind", { most: 32 });
  const read = {
    item: (name) => fields.octets(name),
    grant: (name) => fields.octets(name),
    show: (name) => fields.octets(name, 16),
    about: (name) => fields.octets(name),
    text: (name) => fields.text(name, { most: 2000 }),
  };
  const there = Object.keys(read).filter((name) => fields.optional(name, read[name]) !== null);
  fields.done();
  need(Object.hasOwn(KINDS, kind), "statement: an unknown kind");
  const [needs, may] = KINDS[kind];
  need(needs.every((name) => there.includes(name)), `a ${kind} carries ${needs}`);
  need(there.every((name) => needs.includes(name) || may.includes(name)), `a ${kind} carries no more than ${needs} ${may}`);
  verifyJws(jws, readJwk(key));
  meantFor(aud, log);
  within(iat, now, 120);
  return { sha256: jws.hash, kind, logged_as: kind === "correction" ? "correct" : "note" };
}

function cardToken({ raw, key, agency, now }) {
  const jws = parseJws(raw, "onefile-card+jwt", LIMIT);
  const fields = new Fields(jws.claims(), "card token");
  fields.text("iss", { form: FORMS.dossier });
  const aud = fields.text("aud", { form: FORMS.agency });
  const [iat, exp] = [fields.time("iat"), fields.time("exp")];
  const card = hex0x(fields.hex("card"));
  fields.done();
  need(iat < exp && exp <= iat + 600, "a card token lives at most 600 seconds");
  verifyJws(jws, readJwk(key));
  meantFor(aud, agency);
  if (now < iat - 60 || now >= exp) denied("card_token_expired");
  return { sha256: jws.hash, card };
}

function rewrap({ raw, key, log, dossier, item }) {
  const jws = parseJws(raw, "onefile-rewrap+jwt", { limit: 16 << 10 });
  const fields = new Fields(jws.claims(), "rewrap");
  fields.time("iat");
  const iss = fields.text("iss", { form: FORMS.dossier });
  const aud = fields.text("aud", { form: FORMS.origin });
  const of = b64u(fields.octets("item"));
  const card = hex0x(fields.hex("card"));
  const headers = fields.array("headers", { least: 1, most: 64 }).map((text) => b64u(unb64u(text, 32)));
  fields.done();
  need(new Set(headers).size === headers.length, "one header twice");
  verifyJws(jws, readJwk(key));
  meantFor(aud, log);
  if (iss !== dossier || of !== item) untrusted("rewrap_foreign");
  return { sha256: jws.hash, card, headers };
}

function ownDocument({ raw }) {
  const bytes = octets(raw);
  const fields = new Fields(parseCanonical(bytes, 256 << 10), "own document");
  fields.uint("v", { least: 1, most: 1 });
  need(fields.text("type") === "onefile-own", "no own document");
  const title = fields.text("title", { most: 200 });
  fields.time("created");
  const files = fields.array("files", { least: 1, most: 63 }).map(readFile);
  fields.optional("note", () => fields.text("note", { most: 2000 }));
  fields.done();
  need(new Set(files).size === files.length, "two files of one name");
  return { title, files, sha256: b64u(sha256(bytes)) };
}

export const judges = {
  slip,
  "item-commitment": item,
  receipt,
  statement,
  "card-token": cardToken,
  "own-document": ownDocument,
  rewrap,
};
