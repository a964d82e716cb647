// X-Wing under HPKE, as npm's @hpke packages read it, on the wraps of age's mlkem768x25519 stanzas.
// One JSON job on stdin: {seeds, stanzas: [{seed, enc, body}], keys: [{public, fileKey}]}; values in hex.
import { readFileSync } from "node:fs";
import { Chacha20Poly1305 } from "@hpke/chacha20poly1305";
import { CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";

const info = new TextEncoder().encode("age-encryption.org/mlkem768x25519");
const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Chacha20Poly1305() });
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const importKey = (key, isPublic) => suite.kem.importKey("raw", bytes(key).buffer, isPublic);

async function publicOf(seed) {
  const { publicKey } = await suite.kem.generateKeyPairDerand(bytes(seed));
  return hex(await suite.kem.serializePublicKey(publicKey));
}

async function open({ seed, enc, body }) {
  try {
    return hex(await suite.open({ recipientKey: await importKey(seed, false), enc: bytes(enc), info }, bytes(body)));
  } catch (error) {
    return `refused: ${error.constructor.name}`;
  }
}

async function seal({ public: key, fileKey }) {
  const sender = await suite.createSenderContext({ recipientPublicKey: await importKey(key, true), info });
  return { enc: hex(sender.enc), body: hex(await sender.seal(bytes(fileKey))) };
}

const { seeds, stanzas, keys } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify({
  publics: await Promise.all(seeds.map(publicOf)),
  opened: await Promise.all(stanzas.map(open)),
  sealed: await Promise.all(keys.map(seal)),
}));
