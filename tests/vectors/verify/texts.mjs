// Encodings and names (docs/spec/encodings.md, identifiers.md, log.md §11, http.md).
import { b64u, hex0x, keccak256, octets, u64, unb64, unb64u, unbase45, unhex0x } from "./bytes.mjs";
import { FORMS, textOf } from "./fields.mjs";
import { parseCanonical } from "./json.mjs";
import { need, untrusted } from "./refused.mjs";

const word32 = (data) => Buffer.concat([Buffer.alloc(32 - data.length), data]);
const formed = (text, form) => need(typeof text === "string" && form.test(text), "another form");

export function tokens(text) {
  need(typeof text === "string" && text.startsWith("/") && [...text].length <= 512, "pointer");
  need(!/~(?![01])/.test(text), "pointer: a stray tilde");
  return text.slice(1).split("/").map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

export function dossierUrn(text) {
  formed(text, FORMS.dossier);
  return unhex0x(text.split(":")[3], 32);
}

export function agencyUrn(text) {
  formed(text, FORMS.agency);
  const [, , , chain, registry, account] = text.split(":");
  return [Number(chain), registry, account];
}

function dossierId({ chain_id: chain, registry, owner0, salt, urn }) {
  const [place, owner, random] = [unhex0x(registry, 20), unhex0x(owner0, 20), unhex0x(salt, 32)];
  const chainWord = Buffer.concat([Buffer.alloc(24), u64(chain)]);
  const id = keccak256(keccak256("onefile/dossier/v1"), chainWord, word32(place), word32(owner), random);
  if (!dossierUrn(urn).equals(id)) untrusted("dossier_id");
  return hex0x(id);
}

function checksummed(address) {
  const plain = address.toString("hex");
  const marks = keccak256(plain).toString("hex");
  return "0x" + [...plain].map((c, i) => (parseInt(marks[i], 16) >= 8 ? c.toUpperCase() : c)).join("");
}

function address({ text }) {
  need(typeof text === "string" && /^0x[0-9a-fA-F]{40}$/.test(text), "address");
  const found = Buffer.from(text.slice(2), "hex");
  need(text === hex0x(found) || text === checksummed(found), "address: checksum");
  return checksummed(found);
}

/** GB 11643: ISO 7064 MOD 11-2 over 17 digits, and a day that there is. */
function citizen({ text }) {
  need(typeof text === "string" && /^[1-9][0-9]{16}[0-9X]$/.test(text), "citizen number");
  const [year, month, day] = [text.slice(6, 10), text.slice(10, 12), text.slice(12, 14)].map(Number);
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(year, month - 1, day);
  need(year >= 1 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day, "citizen number: no such day");
  const sum = [...text.slice(0, 17)].reduce((total, digit, i) => total + Number(digit) * (2 ** (17 - i) % 11), 0);
  need("10X98765432"[sum % 11] === text[17], "citizen number: check digit");
  return text;
}

/** GB 32100: weights 3^i mod 31 over 17 characters without I, O, S, V, Z. */
function creditCode({ text }) {
  const letters = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  need(typeof text === "string" && /^[0-9A-HJ-NP-RTUW-Y]{2}[0-9]{6}[0-9A-HJ-NP-RTUW-Y]{10}$/.test(text), "credit code");
  let weight = 1, sum = 0;
  for (const c of text.slice(0, 17)) {
    sum += letters.indexOf(c) * weight;
    weight = (weight * 3) % 31;
  }
  need(letters[(31 - (sum % 31)) % 31] === text[17], "credit code: check character");
  return text;
}

/** The parts of a certificate id; its check character is ISO 7064 MOD 37,36. */
export function certificateId(text) {
  const form = /^1\.2\.156\.3005\.2\.([0-9A-Z]{21})\.([0-9A-Z]{18})\.([0-9A-Z]{1,64})\.([0-9]{3})\.([0-9A-Z])$/;
  const found = typeof text === "string" ? form.exec(text) : null;
  need(found, "certificate id");
  const parts = found.slice(1);
  let check = 36;
  for (const c of parts.slice(0, 4).join("")) check = (((check + parseInt(c, 36)) % 36 || 36) * 2) % 37;
  need((check + parseInt(parts[4], 36)) % 36 === 1, "certificate id: check character");
  return parts;
}

export function origin(text) {
  const found = typeof text === "string" ? /^onefile\/([1-9][0-9]{0,19})\/(0x[0-9a-f]{40})\/([a-z0-9-]{1,31})$/.exec(text) : null;
  need(found && BigInt(found[1]) < 2n ** 64n, "origin");
  const hash = keccak256(text);
  // A chain id may be beyond what a number of JSON holds: it stays as it is written.
  return { chain_id: found[1], archive_log: found[2], name: found[3], hash: hex0x(hash), prefix: hex0x(hash.subarray(0, 8)) };
}

export const originPrefix = (text) => keccak256(text).subarray(0, 8);

function statusUri({ text }) {
  textOf(text, { form: FORMS.status });
  const [, , , account, n] = text.split(":");
  return [account, Number(n)];
}

function vct({ text }) {
  textOf(text, { form: FORMS.vct });
  const [, , , name, version] = text.split(":");
  return [name, Number(version), hex0x(keccak256(name))];
}

export function contentDigest(text) {
  need(typeof text === "string" && text.startsWith("sha-256=:") && text.endsWith(":"), "Content-Digest");
  return unb64(text.slice(9, -1), 32);
}

export const judges = {
  base64url: ({ text, length }) => hex0x(unb64u(text, length)),
  base64: ({ text, length }) => hex0x(unb64(text, length)),
  base45: ({ text }) => hex0x(unbase45(text)),
  hex: ({ text, length }) => b64u(unhex0x(text, length)),
  "canonical-json": ({ raw }) => parseCanonical(octets(raw)),
  pointer: ({ text }) => tokens(text),
  "content-digest": ({ text }) => b64u(contentDigest(text)),
  "dossier-id": dossierId,
  "dossier-urn": ({ text }) => hex0x(dossierUrn(text)),
  "agency-urn": ({ text }) => agencyUrn(text),
  address,
  "citizen-number": citizen,
  "credit-code": creditCode,
  "certificate-id": ({ text }) => certificateId(text),
  origin: ({ text }) => origin(text),
  "status-uri": statusUri,
  vct,
};
