// Checks a folder of `wallet export` without one line of OneFile: node's own crypto, npm's ethers and age-encryption.
//
//     node docs/examples/verify-export.mjs FOLDER RPC_URL [IDENTITY_FILE]
//
// What must be known from elsewhere, and not from the folder: which ArchiveLog and AgencyRegistry are the real ones.
// Both addresses are printed; compare them with what the governor has made public.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Decrypter } from "age-encryption";
import { Contract, JsonRpcProvider, TypedDataEncoder, id } from "ethers";

const [folder, rpc, identityFile] = process.argv.slice(2);
process.on("uncaughtException", (error) => {
  console.error(error instanceof Refused ? `REFUSED: not so: ${error.message}` : `REFUSED: unreadable (${error.name})`);
  process.exit(3);
});
class Refused extends Error {}
const read = (name) => readFileSync(join(folder, name));
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
const bin = (text) => Buffer.from(text, "base64url");
const json = (text) => JSON.parse(bin(text).toString());
const need = (holds, what) => {
  if (!holds) throw new Refused(what);
  console.log(`ok  ${what}`);
};

const facts = JSON.parse(read("facts.json"));
const slip = read("slip.jwt").toString();
const sdjwt = read("credential.sd-jwt").toString();
const credential = sdjwt.split("~")[0];
const said = json(credential.split(".")[1]);
const told = json(slip.split(".")[1]);
const [, , , , registryAddress, account] = said.iss.split(":"); // urn:onefile:agency:<chain>:<registry>:<account>
const provider = new JsonRpcProvider(rpc, undefined, { staticNetwork: true });
const { chainId } = await provider.getNetwork();

// 1. The issuer: its key card is the one that the registry keeps, and its right to this type held when it signed.
const CARD = "tuple(bytes32 subject,uint64 seq,bytes32 presentKeyThumbprint,bytes32 sealingKeyHash,uint64 validFrom,uint64 revokedBelow,bytes32 previous)";
const registry = new Contract(registryAddress, [
  `function hashKeyCard(${CARD}) view returns (bytes32)`,
  "function mayIssue(address,bytes32,uint64) view returns (bool)",
  `event KeyCardPublished(bytes32 indexed subject,uint64 indexed seq,bytes32 indexed cardHash,${CARD} card)`,
], provider);
const kid = json(credential.split(".")[0]).kid;
const { card, present_jwk: jwk } = facts.issuer_cards.find((one) => bin(kid).equals(Buffer.from(one.card.presentKeyThumbprint.slice(2), "hex")));
const thumbprint = sha256(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }));
need(thumbprint.equals(bin(kid)), "the issuer's key has the thumbprint that the credential names");
const types = { KeyCard: CARD.slice(6, -1).split(",").map((field) => ({ type: field.split(" ")[0], name: field.split(" ")[1] })) };
const domain = { name: "OneFile", version: "1", chainId, verifyingContract: registryAddress };
const cardHash = TypedDataEncoder.hash(domain, types, card);
const published = await registry.queryFilter(registry.filters.KeyCardPublished(card.subject, card.seq, cardHash));
need(published.length === 1 && BigInt(card.subject) === BigInt(account), `AgencyRegistry ${registryAddress} keeps that key card`);
const type = said.vct.split(":")[3];
need(await registry.mayIssue(account, id(type), said.iat), `the issuer might issue ${type} at ${new Date(said.iat * 1000).toISOString()}`);

// 2. Its signatures: over the credential, and over the deposit slip that commits to it.
const key = createPublicKey({ key: jwk, format: "jwk" });
for (const [name, jws] of [["credential", credential], ["deposit slip", slip]]) {
  const [header, payload, signature] = jws.split(".");
  need(verify("sha256", Buffer.from(`${header}.${payload}`), { key, dsaEncoding: "ieee-p1363" }, bin(signature)), `the issuer signed the ${name}`);
}
const commitment = sha256("onefile/item/v1", bin(facts.item_salt), sha256(credential));
need(commitment.equals(bin(told.item_commitment)), "the slip commits to this credential");

// 3. The log: the entry commits to the slip, and the contract itself says that the entry is in the anchored tree.
const entry = read("entry.json");
const opening = JSON.parse(read("opening.json"));
need(sha256("onefile/c/v1", bin(opening.salt), sha256(slip)).equals(bin(JSON.parse(entry).c)), "the log entry commits to the slip");
const [proof, note] = read("proof.tlog-proof").toString().split(/\n\n(.*)/s);
const hashes = proof.split("\n").slice(2).map((line) => `0x${Buffer.from(line, "base64").toString("hex")}`);
const [origin, size, root] = note.split("\n");
const log = new Contract(origin.split("/")[2], [
  "function state(bytes32) view returns (tuple(string name,bytes32 root,uint64 size,address publisher,bool frozen,address owner,address pendingOwner,bytes32 successor,string logVkey))",
  "function verifyInclusion(bytes32,uint64,bytes,bytes32[]) view returns (uint64,bytes32)",
  "event Anchored(bytes32 indexed origin,uint64 size,bytes32 root,bytes32 checkpointHash)",
], provider);
const state = await log.state(id(origin));
const [name, , ...rest] = state.logVkey.split("+");
const logKey = Buffer.from(rest.join("+"), "base64").subarray(1);
const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), logKey]);
const text = note.slice(0, note.indexOf("\n\n") + 1);
const blob = note.split("\n").find((line) => line.startsWith(`— ${name} `)).split(" ")[2];
need(verify(null, Buffer.from(text), createPublicKey({ key: spki, format: "der", type: "spki" }), Buffer.from(blob, "base64").subarray(4)), "the log's key on chain signed the checkpoint");
const rootHex = `0x${Buffer.from(root, "base64").toString("hex")}`;
const anchors = await log.queryFilter(log.filters.Anchored(id(origin)));
need(anchors.some(({ args }) => args.size === BigInt(size) && args.root === rootHex), `ArchiveLog ${origin.split("/")[2]} anchored that checkpoint, of size ${size}`);
const rootOf = (leaf, index, n, left) => {
  if (n === 1) return left.length ? null : leaf;
  let split = 1;
  while (split * 2 < n) split *= 2;
  const [sibling, below] = [Buffer.from(left.at(-1)?.slice(2) ?? "", "hex"), left.slice(0, -1)];
  return index < split ? sha256([1], rootOf(leaf, index, split, below), sibling) : sha256([1], sibling, rootOf(leaf, index - split, n - split, below));
};
need(rootOf(sha256([0], entry), opening.index, Number(size), hashes)?.equals(Buffer.from(root, "base64")), `entry ${opening.index} is in that tree`);

// 4. The documents: the sealed bytes are those of the slip; with an identity they open to what the credential names.
const disclosed = sdjwt.split("~").slice(1).filter(Boolean).map(json).map((parts) => parts.at(-1));
for (const { file, name: document } of facts.documents) {
  const sealed = read(file);
  const end = sealed.indexOf("\n", sealed.indexOf("\n--- ") + 1) + 1;
  const digests = [sealed.subarray(0, end), sealed.subarray(end)].map((part) => sha256(part).toString("base64url"));
  need(told.objects.some((one) => one.header === digests[0] && one.payload === digests[1]), `${file} is what the slip names`);
  if (!identityFile) continue;
  const decrypter = new Decrypter();
  for (const line of readFileSync(identityFile, "utf-8").split("\n").filter((one) => one.startsWith("AGE-SECRET-KEY-"))) decrypter.addIdentity(line);
  const opened = sha256(await decrypter.decrypt(sealed)).toString("base64url");
  need(disclosed.some((value) => value?.name === document && value.sha256 === opened), `${document} opens to what the credential names`);
}
console.log("accepted: issuer, right, log, anchor and documents hold; ask the issuer's status list whether it still does");
