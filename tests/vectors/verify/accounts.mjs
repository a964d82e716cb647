// What accounts sign: EIP-712 messages, key cards, grants, mandates, and the end of a grant (docs/spec/grant.md, keycard.md).
import { createRequire } from "node:module";
import { b64u, hex0x, hmac, join, keccak256, octets, sha256, unb64u, unhex0x, ZERO32 } from "./bytes.mjs";
import { ascending, Fields, FORMS, length, MAX_TIME } from "./fields.mjs";
import { readJwk, verifyEs256 } from "./jose.mjs";
import { isObject, parseCanonical } from "./json.mjs";
import { need, untrusted } from "./refused.mjs";

// Recovering a key from a secp256k1 signature is not in node.
const { SigningKey } = createRequire(import.meta.url)("ethers");

// The type strings, character for character those of contracts/MESSAGES.md.
const SCOPE = "ScopeItem(bytes32 item,string query,bytes32 parcel,string[] claims,bytes32[] documents)";
const TYPES = [
  "OpenDossier(address owner,address controller,bytes32 salt,uint64 deadline)",
  "RotateDossier(bytes32 dossier,address newOwner,address newController,uint64 nonce,uint64 deadline)",
  "BumpEpoch(bytes32 dossier,uint64 nonce,uint64 deadline)",
  "SetGuardians(bytes32 dossier,bytes32 setHash,uint8 threshold,uint32 delay,uint64 nonce,uint64 deadline)",
  "FreezeDossier(bytes32 dossier,address guardian,uint64 nonce,uint64 deadline)",
  "RecoverDossier(bytes32 dossier,address newOwner,address newController,bool byAll,uint64 nonce,uint64 deadline)",
  "VetoRecovery(bytes32 dossier,uint64 recovery,uint64 nonce,uint64 deadline)",
  "KeyCard(bytes32 subject,uint64 seq,bytes32 presentKeyThumbprint,bytes32 sealingKeyHash,uint64 validFrom,uint64 revokedBelow,bytes32 previous)",
  SCOPE,
  "AccessGrant(bytes32 grantId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address grantor,bytes32 mandate,address agency,bytes32 agencyCard,bytes32 scenario,string purpose,bytes32 officerClass,ScopeItem[] scope,uint64 notBefore,uint64 notAfter,uint32 maxUses,uint32 minIntervalS,uint32 retentionDays,uint8 maxDepth,bytes32 nullifier)",
  "Mandate(bytes32 mandateId,bytes32 log,bytes32 dossier,uint64 grantEpoch,address agent,uint8 powers,bytes32[] scenarios,uint32 maxGrants,uint64 notBefore,uint64 notAfter,bytes32 parent,uint8 maxDepth,bytes32 nullifier)",
];
const STRUCTS = Object.fromEntries(TYPES.map((type) => [type.slice(0, type.indexOf("(")), members(type)]));

function members(type) {
  const own = type.slice(type.indexOf("(") + 1, -1).split(",").map((pair) => pair.split(" "));
  const nested = own.some(([kind]) => kind === "ScopeItem[]") ? SCOPE : "";
  return { own, hash: keccak256(type + nested) };
}

const word = (data) => Buffer.concat([Buffer.alloc(32 - data.length), data]);

function uintWord(value, bits) {
  need(Number.isSafeInteger(value) && value >= 0 && BigInt(value) < 2n ** BigInt(bits), `no integer of ${bits} bits`);
  return word(Buffer.from(value.toString(16).padStart(64, "0"), "hex"));
}

/** The 32 bytes of one member, its value checked first. */
function encoded(kind, value) {
  if (kind.endsWith("[]")) {
    need(Array.isArray(value), `${kind}: no list`);
    return keccak256(join(...value.map((one) => encoded(kind.slice(0, -2), one))));
  }
  if (kind in STRUCTS) return structHash(kind, value);
  if (kind === "bytes32") return unhex0x(value, 32);
  if (kind === "address") return word(unhex0x(value, 20));
  if (kind === "string") {
    need(typeof value === "string" && Buffer.byteLength(value) <= 4096, "a text of at most 4,096 bytes");
    return keccak256(value);
  }
  if (kind === "bool") {
    need(typeof value === "boolean", "true or false");
    return uintWord(Number(value), 8);
  }
  return uintWord(value, Number(kind.slice(4)));
}

function structHash(name, value) {
  const { own, hash } = STRUCTS[name];
  const names = own.map(([, member]) => member);
  need(isObject(value) && Object.keys(value).sort().join() === [...names].sort().join(), `${name}: other members`);
  return keccak256(hash, ...own.map(([kind, member]) => encoded(kind, value[member])));
}

const DOMAIN = keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

function digestOf(domain, struct) {
  need(domain.name === "OneFile" && domain.version === "1", "another domain");
  const place = [uintWord(domain.chainId, 256), word(unhex0x(domain.verifyingContract, 20))];
  const separator = keccak256(DOMAIN, keccak256("OneFile"), keccak256("1"), ...place);
  return keccak256(Buffer.from([0x19, 1]), separator, struct);
}

const HALF = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n >> 1n;

function recover(digest, signature) {
  need(signature.length === 65 && [27, 28].includes(signature[64]), "a signature of another form");
  if (BigInt(hex0x(signature.subarray(32, 64))) > HALF) untrusted("signature_malleable");
  try {
    const point = Buffer.from(SigningKey.recoverPublicKey(hex0x(digest), hex0x(signature)).slice(4), "hex");
    return hex0x(keccak256(point).subarray(12));
  } catch {
    return untrusted("signature");
  }
}

function signedBy(digest, signature, account) {
  if (recover(digest, signature) !== account) untrusted("signature");
}

function message({ type, message: value, domain, signer, signature }) {
  need(type in STRUCTS, "an unknown type");
  const struct = structHash(type, value);
  checkBounds[type]?.(value);
  const digest = digestOf(domain, struct);
  signedBy(digest, unhex0x(signature), signer);
  return { type_hash: hex0x(STRUCTS[type].hash), struct_hash: hex0x(struct), digest: hex0x(digest) };
}

const ZERO = hex0x(ZERO32);
const between = (value, least, most, what) => need(value >= least && value <= most, `${what}: not from ${least} to ${most}`);

function checkScope({ query, claims, documents }) {
  between(claims.length, 0, 128, "claims");
  between(documents.length, 0, 64, "documents");
  need(claims.length + documents.length > 0, "neither claims nor documents");
  need(FORMS.query.test(query), "query");
  need(claims.every((claim) => FORMS.pointer.test(claim) && length(claim) <= 512), "claims: no pointers");
  need(ascending(claims) && ascending(documents), "claims or documents out of order");
}

function checkGrant(grant) {
  grant.scope.forEach(checkScope);
  between(grant.scope.length, 1, 64, "scope");
  between(length(grant.purpose), 1, 1000, "purpose");
  between(grant.notAfter, grant.notBefore + 1, MAX_TIME, "notAfter");
  between(grant.maxUses, 1, 1_000_000, "maxUses");
  between(grant.maxDepth, 0, 0, "maxDepth");
  need(new Set(grant.scope.map((part) => part.item + part.query)).size === grant.scope.length, "an item twice for one query");
  need(grant.grantId !== ZERO && grant.nullifier !== ZERO, "a zero id");
}

function checkMandate(mandate) {
  between(mandate.powers, 1, 15, "powers");
  between(mandate.notAfter, mandate.notBefore + 1, MAX_TIME, "notAfter");
  need(mandate.scenarios.length <= 64 && ascending(mandate.scenarios), "scenarios");
  need(mandate.parent === ZERO && mandate.maxDepth === 0, "a mandate under a mandate");
  need(mandate.mandateId !== ZERO && mandate.nullifier !== ZERO, "a zero id");
}

function checkCard({ seq, revokedBelow, validFrom, previous }) {
  need(seq >= 1 && revokedBelow <= seq && validFrom <= MAX_TIME, "key card");
  need((seq === 1) === (previous === ZERO), "the first key card, and no other, follows none");
}

const checkBounds = { AccessGrant: checkGrant, Mandate: checkMandate, KeyCard: checkCard, ScopeItem: checkScope };

/** ``{v, <member>, signature}``, canonical; the message checked, nobody's signature yet. */
export function readEnvelope(raw, member) {
  const value = parseCanonical(raw, 1 << 20);
  need(Object.keys(value).sort().join() === ["signature", member, "v"].sort().join(), "envelope: other members");
  need(value.v === 1, "envelope: another version");
  const signature = unhex0x(value.signature);
  need([0, 65].includes(signature.length), "a signature of another form");
  const type = { grant: "AccessGrant", mandate: "Mandate" }[member];
  const struct = structHash(type, value[member]);
  checkBounds[type](value[member]);
  return { message: value[member], struct, signature };
}

const envelope = (member) => ({ raw, domain, signer }) => {
  const bytes = octets(raw);
  const { struct, signature } = readEnvelope(bytes, member);
  const digest = digestOf(domain, struct);
  signedBy(digest, signature, signer);
  return { digest: hex0x(digest), sha256: b64u(sha256(bytes)) };
};

const CARD = ["v", "card", "present_jwk", "sealing_key", "account_signature", "possession"];

/** A key card's envelope, its parts checked and nothing verified. */
export function readCard(value) {
  need(isObject(value) && Object.keys(value).sort().join() === [...CARD].sort().join(), "key card: other members");
  need(value.v === 1, "key card: another version");
  const account = unhex0x(value.account_signature);
  need([0, 65].includes(account.length), "a signature of another form");
  const struct = structHash("KeyCard", value.card);
  checkCard(value.card);
  const key = readJwk(value.present_jwk);
  const sealing = unb64u(value.sealing_key, 1216);
  return { card: value.card, struct, key, sealing, account, possession: unb64u(value.possession, 64) };
}

function keyCard({ raw, domain, subject, accounts, recorded }) {
  const { card, struct, key, sealing, account, possession } = readCard(parseCanonical(octets(raw), 8192));
  // docs/spec/keycard.md §3, step by step
  if (card.subject !== subject) untrusted("card_subject");
  if (hex0x(unb64u(key.kid)) !== card.presentKeyThumbprint) untrusted("card_present_key");
  if (hex0x(sha256(sealing)) !== card.sealingKeyHash) untrusted("card_sealing_key");
  const digest = digestOf(domain, struct);
  verifyEs256(key, digest, possession, "card_possession");
  if (!recorded.includes(hex0x(digest))) {
    if (account.length === 0) untrusted("card_unrecorded");
    if (!accounts.includes(recover(digest, account))) untrusted("card_signature");
  }
  return { hash: hex0x(digest), kid: key.kid, seq: card.seq };
}

function revocation({ raw, id, nullifier, revoke_key: revokeKey }) {
  const fields = new Fields(parseCanonical(octets(raw), 512), "revocation");
  const epoch = fields.optional("epoch", () => fields.uint("epoch", { least: 1 }));
  if (epoch !== null) fields.hex("transaction");
  const ended = epoch === null ? [fields.octets("id"), fields.octets("secret")] : null;
  fields.done();
  if (id === null) return ended === null ? { epoch } : { secret: b64u(ended[1]) };
  if (ended === null || !ended[0].equals(unhex0x(id, 32))) untrusted("revocation_other");
  if (hex0x(keccak256(ended[1])) !== nullifier) untrusted("revocation_secret");
  const derived = hmac(unhex0x(revokeKey, 32), "onefile/revoke/v1", ended[0]);
  return { secret: b64u(ended[1]), derived: derived.equals(ended[1]) };
}

export const judges = {
  "account-message": message,
  grant: envelope("grant"),
  mandate: envelope("mandate"),
  "key-card": keyCard,
  revocation,
};
export { checkScope, digestOf, signedBy, structHash };
