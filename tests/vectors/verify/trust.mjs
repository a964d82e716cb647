// Trust files (docs/spec/export.md §4) and the deployment record in them (docs/spec/chain.md §2).
import { readCard } from "./accounts.mjs";
import { b64u, hex0x, unb64u, unhex0x } from "./bytes.mjs";
import { Fields } from "./fields.mjs";
import { readVkey } from "./heads.mjs";
import { parseJws, readJwk, verifyJws } from "./jose.mjs";
import { parse, parseObject } from "./json.mjs";
import { need, untrusted } from "./refused.mjs";

const whole = (value) => Number.isInteger(value) && value >= 0;

/** A row of so many whole numbers; with ``open``, the last one may be null. */
function numbers(row, count, open = true) {
  need(row.length === count, "a row of another length");
  need(row.every((value, i) => whole(value) || (open && value === null && i === count - 1)), "a row of another form");
}

function rows(fields, name, read) {
  return fields.array(name, { most: 100_000 }).map((row) => {
    need(Array.isArray(row) && row.length > 0, `${name}: a row of another form`);
    return read(row);
  });
}

function cards(fields) {
  rows(fields, "cards", ([hash, ...rest]) => {
    unhex0x(hash, 32);
    numbers(rest, 4);
  });
}

function readAnchor(row) {
  need(Array.isArray(row) && row.length === 4, "an anchor of another form");
  const [size, root, block, time] = row;
  numbers([size, block, time], 3, false);
  return [size, b64u(unb64u(root, 32)), time];
}

function readAgency(fields) {
  const account = hex0x(fields.hex("account", 20));
  fields.text("name", { most: 1000 });
  fields.text("division", { least: 0, most: 1000 });
  rows(fields, "roles", (row) => numbers(row, 3));
  rows(fields, "issues", ([type, ...rest]) => {
    unb64u(type, 32);
    numbers(rest, 2);
  });
  cards(fields);
  fields.array("envelopes", { most: 100_000 }).forEach(readCard);
  fields.time("known_at");
  fields.done();
  return account;
}

function readDossier(fields) {
  const dossier = hex0x(fields.hex("dossier"));
  rows(fields, "controllers", ([account, ...rest]) => {
    unhex0x(account, 20);
    numbers(rest, 2);
  });
  cards(fields);
  fields.uint("grant_epoch");
  fields.time("known_at");
  fields.done();
  return dossier;
}

function readDeployment(text) {
  const fields = new Fields(parseObject(text, 16 << 10), "deployment");
  fields.uint("v", { least: 1, most: 1 });
  const chain = fields.uint("chain_id");
  const contracts = fields.object("contracts");
  for (const name of ["agency_registry", "dossier_registry", "grant_registry", "archive_log"]) contracts.hex(name, 20);
  contracts.done();
  fields.uint("deploy_block");
  fields.hex("deploy_block_hash");
  const log = fields.optional("log", () => fields.object("log"));
  if (log !== null) {
    log.text("origin", { most: 16 << 10 });
    log.text("vkey", { most: 16 << 10 });
    log.done();
  }
  fields.done();
  return chain;
}

/** The signer's key, from where JCS puts it: nothing else of a large file is read before its signature holds. */
function readSigner(payload) {
  const found = /"signer":(\{[^{}]*\}),"v":[0-9]+\}$/.exec(payload.subarray(-1024).toString("latin1"));
  need(found, "trust file: it does not end with its signer and its version");
  return readJwk(parse(found[1]));
}

function trustFile({ raw, signers }) {
  const jws = parseJws(raw.trim(), "onefile-trust+jwt", { limit: 64 << 20 });
  if (!signers.includes(jws.kid)) untrusted("trust_signer");
  verifyJws(jws, readSigner(jws.payload));
  const fields = new Fields(parseObject(jws.payload, 64 << 20, Infinity), "trust file");
  fields.take("signer");
  fields.uint("v", { least: 1, most: 1 });
  const chain = readDeployment(fields.text("deployment", { most: 16 << 10 }));
  const block = fields.object("block");
  block.uint("number");
  block.hex("hash");
  block.time("time");
  const keys = fields.optional("log_keys", () => fields.object("log_keys"));
  const former = keys === null ? [] : readFormer(keys);
  const found = {
    chain_id: chain,
    anchors: fields.array("anchors", { most: 10_000_000 }).map(readAnchor),
    agencies: fields.objects("agencies", { most: 1_000_000 }).map(readAgency),
    dossiers: fields.objects("dossiers", { most: 1_000_000 }).map(readDossier),
  };
  fields.time("assembled_at");
  fields.done();
  return former.length ? { ...found, former } : found;
}

/** The keys that the log had before its present one, and how far each counts. */
function readFormer(keys) {
  readVkey(keys.text("present", { most: 512 }));
  const rows = keys.array("former", { most: 64, least: 1 });
  keys.done();
  return rows.map((row) => {
    need(Array.isArray(row) && row.length === 2 && Number.isSafeInteger(row[1]) && row[1] >= 0, "trust file: a former key");
    readVkey(row[0]);
    return [row[0], row[1]];
  });
}

export const judges = { "trust-file": trustFile };
