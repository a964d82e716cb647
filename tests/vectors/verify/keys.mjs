// Keys and key rings (docs/spec/keys.md).
import { createECDH } from "node:crypto";
import { createRequire } from "node:module";
import { hybridPublic, openFile, readIdentity } from "./age.mjs";
import { b64u, bech32, hex0x, hkdf, join, octets, sha256, u32, unb64u } from "./bytes.mjs";
import { Fields, length } from "./fields.mjs";
import { readJwk } from "./jose.mjs";
import { parseCanonical } from "./json.mjs";
import { malformed, need } from "./refused.mjs";

// Word lists, PBKDF2 over them and BIP-32 are not in node.
const { HDNodeWallet, Mnemonic, wordlists } = createRequire(import.meta.url)("ethers");
const LISTS = { en: wordlists.en, zh: wordlists.zh_cn };
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const derive = (key, label, n, size = 32) => hkdf(key, "onefile/v1", join(label, u32(n)), size);

function ofRoot(root, seq) {
  need(root.length === 32, "a root has 32 bytes");
  need(Number.isInteger(seq) && seq >= 0 && seq < 2 ** 32, "sequence");
  const scalar = (BigInt("0x" + derive(root, "present", seq, 48).toString("hex")) % (N - 1n)) + 1n;
  const present = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex");
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(present);
  const point = ecdh.getPublicKey();
  const [x, y] = [b64u(point.subarray(1, 33)), b64u(point.subarray(33))];
  const sealing = derive(root, "sealing", seq);
  return {
    root: b64u(root),
    present: b64u(present),
    present_thumbprint: b64u(sha256(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`)),
    sealing: bech32("age-secret-key-pq-", sealing).toUpperCase(),
    sealing_key_hash: b64u(sha256(hybridPublic(sealing))),
    tag: b64u(derive(root, "tag", 0)),
    revoke: b64u(derive(root, "revoke", 0)),
  };
}

function mnemonic(phrase, language) {
  need(length(phrase) <= 512 && language in LISTS, "a phrase of no list of ours");
  let words = phrase.normalize("NFKD").toLowerCase().split(/\s+/u).filter(Boolean);
  if (language === "zh") words = [...words.join("")];
  need([12, 15, 18, 21, 24].includes(words.length), "a phrase has 12 to 24 words");
  try {
    return Mnemonic.fromPhrase(words.join(" "), "", LISTS[language]);
  } catch {
    return malformed("no phrase of this list");
  }
}

function keys(given) {
  if ("root" in given) return ofRoot(unb64u(given.root), given.seq);
  const { phrase, language, index, seq } = given;
  const found = mnemonic(phrase, language);
  need(Number.isInteger(index) && index >= 0 && index < 2 ** 31, "index");
  const account = (branch) => HDNodeWallet.fromMnemonic(found, `m/44'/60'/${branch}'/0/${index}`).address.toLowerCase();
  const seed = Buffer.from(found.computeSeed().slice(2), "hex");
  return { hot: account(0), cold: account(1), ...ofRoot(derive(seed, "root", index), seq) };
}

/** Whom the next ring is sealed to: at least one, none twice. */
function members(fields) {
  fields.uint("n", { least: 1 });
  const keys = fields.objects("members", { least: 1, most: 32 }).map((entry) => {
    const name = entry.text("name", { most: 64 });
    need(!/[\p{C}\p{Zl}\p{Zp}]/u.test(name), "member: a name that can't be printed");
    entry.octets("sealing_key", 1216);
    const { x, y } = readJwk(entry.take("present_jwk"));
    entry.done();
    return `${x} ${y}`;
  });
  need(new Set(keys).size === keys.length, "ring: a member twice");
}

function keyRing({ file, identity }) {
  const plain = openFile(octets(file), readIdentity(identity));
  const fields = new Fields(parseCanonical(plain, 128 << 10), "ring");
  const version = fields.uint("v", { least: 1, most: 2 });
  const dossier = fields.hex("dossier");
  const roots = fields.objects("roots", { least: 1, most: 256 }).map((entry) => {
    const found = [entry.uint("seq", { most: 2 ** 32 - 1 }), b64u(entry.octets("root"))];
    entry.done();
    return found;
  });
  need(roots.every(([seq], i) => i === 0 || seq > roots[i - 1][0]), "ring: roots out of order");
  if (version === 2) members(fields);
  const ring = { dossier: hex0x(dossier), roots, tag: b64u(fields.octets("tagKey")), revoke: b64u(fields.octets("revokeKey")) };
  fields.done();
  return ring;
}

export const judges = { keys, "key-ring": keyRing };
