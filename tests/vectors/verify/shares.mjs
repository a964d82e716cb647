// Shares of a root, guardians' answers, and the root that shares give back (docs/spec/recovery.md §3 and §4).
//
// The words are those of SLIP-39, in slip39-words.txt: ten bits each, its number in the alphabet of the list.
import { createHmac, pbkdf2Sync } from "node:crypto";
import { readFileSync } from "node:fs";
import { signedBy } from "./accounts.mjs";
import { b64u, octets, sha256 } from "./bytes.mjs";
import { Fields } from "./fields.mjs";
import { parseCanonical } from "./json.mjs";
import { readGuardians, readRequest } from "./recoveries.mjs";
import { need, untrusted } from "./refused.mjs";

const LIST = readFileSync(new URL("slip39-words.txt", import.meta.url), "utf8").trim().split(/\s+/u);
const NUMBERS = new Map(LIST.map((word, number) => [word, number]));
const WORDS = 33;
const [DIGEST_AT, SECRET_AT] = [254, 255];

/** The checksum: a Reed-Solomon code over GF(1024), which the label and all words bring to 1. */
const GENERATOR = [0xe0e040, 0x1c1c080, 0x3838100, 0x7070200, 0xe0e0009, 0x1c0c2412, 0x38086c24, 0x3090fc48, 0x21b1f890, 0x3f3f120];
function remainder(values) {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 20;
    sum = ((sum & 0xfffff) << 10) ^ value;
    GENERATOR.forEach((term, bit) => {
      if ((top >>> bit) & 1) sum ^= term;
    });
  }
  return sum;
}

/** One share, its words read from the front: 15 bits split, 1 extendable, 4 exponent, five numbers of 4, then the value. */
function readWords(text) {
  const words = text.split(" ");
  need(words.length === WORDS && words.every((word) => NUMBERS.has(word)), "33 words of the list");
  const numbers = words.map((word) => NUMBERS.get(word));
  need(remainder([...Buffer.from("shamir_extendable"), ...numbers]) === 1, "the checksum");
  const bits = numbers.slice(0, -3).map((number) => number.toString(2).padStart(10, "0")).join("");
  const number = (from, size) => parseInt(bits.slice(from, from + size), 2);
  need(number(15, 1) === 1 && number(16, 4) === 0, "extendable, with the lowest exponent");
  need(number(20, 4) === 0 && number(24, 4) === 0 && number(28, 4) === 0, "one group");
  need(number(36, 4) >= 1, "a threshold of 2 or more");
  need(/^0{4}$/u.test(bits.slice(40, 44)), "padding");
  const value = Buffer.from(BigInt(`0b${bits.slice(44)}`).toString(16).padStart(64, "0"), "hex");
  return { split: number(0, 15), index: number(32, 4), threshold: number(36, 4) + 1, value };
}

// GF(256) of AES: powers of x + 1.
const EXP = [], LOG = [];
for (let power = 0, at = 1; power < 255; power++) {
  EXP[power] = at;
  LOG[at] = power;
  at ^= at << 1;
  if (at & 0x100) at ^= 0x11b;
}
const times = (a, b) => (a && b ? EXP[(LOG[a] + LOG[b]) % 255] : 0);
const over = (a, b) => (a ? EXP[(LOG[a] - LOG[b] + 255) % 255] : 0);

/** The value at ``x`` of the polynomials through the shares. */
function at(x, shares) {
  const found = Buffer.alloc(32);
  for (const one of shares) {
    const others = shares.filter((other) => other !== one);
    const weight = others.reduce((product, other) => times(product, over(x ^ other.index, one.index ^ other.index)), 1);
    one.value.forEach((byte, i) => (found[i] ^= times(byte, weight)));
  }
  return found;
}

/** The Feistel network of four rounds, backwards; no passphrase, and no salt as shares are extendable. */
function decrypted(secret) {
  let [left, right] = [secret.subarray(0, 16), secret.subarray(16)];
  for (const round of [3, 2, 1, 0]) {
    const mask = pbkdf2Sync(Buffer.from([round]), right, 2500, 16, "sha256");
    [left, right] = [right, Buffer.from(left.map((byte, i) => byte ^ mask[i]))];
  }
  return Buffer.concat([right, left]);
}

function root({ words }) {
  const read = [...new Set(words)].map(readWords);
  const mixed = "shares_mixed";
  if (new Set(read.map(({ split, threshold }) => `${split}/${threshold}`)).size !== 1) untrusted(mixed);
  if (new Set(read.map(({ index }) => index)).size !== read.length) untrusted(mixed);
  const { threshold } = read[0];
  if (read.length < threshold) untrusted("shares_few");
  const chosen = read.sort((a, b) => a.index - b.index).slice(0, threshold);
  const [secret, digest] = [at(SECRET_AT, chosen), at(DIGEST_AT, chosen)];
  const made = createHmac("sha256", digest.subarray(4)).update(secret).digest();
  if (!made.subarray(0, 4).equals(digest.subarray(0, 4))) untrusted(mixed);
  return { root: b64u(decrypted(secret)) };
}

function readShare(fields) {
  fields.uint("v", { least: 1, most: 1 });
  const dossier = "0x" + fields.hex("dossier").toString("hex");
  const card = fields.uint("card", { most: 2 ** 32 - 1 });
  const { accounts, hash } = readGuardians(fields.take("guardians"));
  const { split, index, threshold } = readWords(fields.text("words", { most: 400 }));
  fields.done();
  return { accounts, told: { dossier, card, guardians: hash, split, index, threshold } };
}

function answer({ raw, request }) {
  const fields = new Fields(parseCanonical(octets(raw), 12 << 10), "answer");
  fields.uint("v", { least: 1, most: 1 });
  const to = fields.octets("request");
  const guardian = "0x" + fields.hex("guardian", 20).toString("hex");
  const signature = fields.hex("signature", 65);
  const { accounts, told } = readShare(fields.object("share"));
  fields.done();
  const asked = octets(request);
  const { message, digest } = readRequest(asked);
  if (!to.equals(sha256(asked)) || told.dossier !== message.dossier) untrusted("answer_other_request");
  if (!accounts.includes(guardian)) untrusted("answer_no_guardian");
  signedBy(digest, signature, guardian);
  return { guardian, share: told };
}

export const judges = {
  "recovery-share": ({ raw }) => readShare(new Fields(parseCanonical(octets(raw), 8192), "share")).told,
  "recovery-answer": answer,
  "recovery-root": root,
};
