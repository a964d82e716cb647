// Guardian sets and recovery requests (docs/spec/recovery.md).
import { scryptSync } from "node:crypto";
import { digestOf, structHash } from "./accounts.mjs";
import { judges as age } from "./age.mjs";
import { b64u, hex0x, keccak256, octets, sha256, u64, unb64u, unhex0x } from "./bytes.mjs";
import { Fields } from "./fields.mjs";
import { parseCanonical } from "./json.mjs";
import { need } from "./refused.mjs";

const wide = (n) => Buffer.concat([Buffer.alloc(24), u64(n)]);

/** Accounts of a guardian set, and the hash that the registry keeps. */
export function readGuardians(set) {
  const fields = new Fields(set, "set");
  const given = fields.take("accounts");
  const salt = unb64u(fields.take("salt"), 32);
  fields.done();
  need(Array.isArray(given) && given.length >= 1 && given.length <= 16, "1 to 16 accounts");
  const accounts = given.map((one) => unhex0x(one, 20));
  accounts.forEach((one, i) => need(i === 0 || Buffer.compare(accounts[i - 1], one) < 0, "accounts ascend"));
  const padded = accounts.map((one) => Buffer.concat([Buffer.alloc(12), one]));
  return { accounts: accounts.map(hex0x), hash: hex0x(keccak256(salt, wide(64), wide(accounts.length), ...padded)) };
}

/** A request's message, and what guardians sign of it. */
export function readRequest(bytes) {
  const fields = new Fields(parseCanonical(bytes, 8192), "request");
  fields.uint("v", { least: 1, most: 1 });
  const chainId = fields.uint("chain");
  const verifyingContract = hex0x(unhex0x(fields.take("registry"), 20));
  const message = fields.take("message");
  const struct = structHash("RecoverDossier", message);
  const text = fields.text("recipient", { most: 2200 });
  need(age["age-recipient"]({ text }).tag === "mlkem768x25519", "a recipient of another kind");
  fields.done();
  return { message, digest: digestOf({ name: "OneFile", version: "1", chainId, verifyingContract }, struct) };
}

function request({ raw }) {
  const bytes = octets(raw);
  const { digest } = readRequest(bytes);
  const out = scryptSync(bytes, "onefile/recovery-match/v1", 8, { N: 1 << 14, r: 8, p: 1, maxmem: 64 << 20 });
  const digits = (out.readBigUInt64BE() % 10n ** 12n).toString().padStart(12, "0");
  return { sha256: b64u(sha256(bytes)), digits: digits.match(/.{4}/g).join(" "), signed: hex0x(digest) };
}

export const judges = { "guardian-set": ({ set }) => ({ hash: readGuardians(set).hash }), "recovery-request": request };
