// Derive the golden vectors of tests/vectors/keys again: ethers for phrases, node:crypto for HKDF and
// P-256, age-encryption for the sealing key. Reads derivation.json on stdin, writes what it found.
import { createECDH, createHash, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { identityToRecipient } from "age-encryption";
import { HDNodeWallet, Mnemonic, wordlists } from "ethers";

const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const LISTS = { en: wordlists.en, zh: wordlists.zh_cn };
const CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

const sha256 = (data) => createHash("sha256").update(data).digest();
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const hkdf = (key, label, n, length = 32) =>
  Buffer.from(hkdfSync("sha256", key, "onefile/v1", Buffer.concat([Buffer.from(label), u32(n)]), length));

function unbech32(text) {
  let bits = 0, held = 0;
  const out = [];
  for (const c of text.slice(text.lastIndexOf("1") + 1, -6)) {
    held = (held << 5) | CHARSET.indexOf(c); bits += 5;
    if (bits >= 8) { bits -= 8; out.push((held >> bits) & 255); held &= (1 << bits) - 1; }
  }
  return Buffer.from(out);
}

function present(root, seq) {
  const scalar = BigInt("0x" + hkdf(root, "present", seq, 48).toString("hex")) % (N - 1n) + 1n;
  const key = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex");
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(key);
  const point = ecdh.getPublicKey();
  const [x, y] = [point.subarray(1, 33).toString("base64url"), point.subarray(33).toString("base64url")];
  return [key, sha256(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`)];
}

async function ofRoot({ root: text, seq, sealing }) {
  const root = Buffer.from(text, "base64url");
  const [key, thumbprint] = present(root, seq);
  const seed = unbech32(sealing.toLowerCase());
  if (!seed.equals(hkdf(root, "sealing", seq))) throw new Error("the sealing seed differs");
  return {
    seq, root: text, present: key.toString("base64url"), present_thumbprint: thumbprint.toString("base64url"),
    sealing, sealing_key_hash: sha256(unbech32(await identityToRecipient(sealing))).toString("base64url"),
    tag: hkdf(root, "tag", 0).toString("base64url"), revoke: hkdf(root, "revoke", 0).toString("base64url"),
  };
}

function ofPhrase({ phrase, language, index }) {
  const mnemonic = Mnemonic.fromPhrase(phrase, "", LISTS[language]);
  const account = (branch) =>
    HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/${branch}'/0/${index}`).address.toLowerCase();
  const seed = Buffer.from(mnemonic.computeSeed().slice(2), "hex");
  return { phrase, language, index, root: hkdf(seed, "root", index).toString("base64url"), hot: account(0), cold: account(1) };
}

const golden = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify({
  phrases: golden.phrases.map(ofPhrase),
  roots: await Promise.all(golden.roots.map(ofRoot)),
}));
