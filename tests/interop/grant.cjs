// Judges the golden grants, mandates, key cards and messages with ethers and node's own crypto.
// In: tests/vectors/grant/vectors.json on standard input. Out: a JSON list of {ok, why}, one for each case.
const crypto = require('crypto');
const { TypedDataEncoder, verifyTypedData, id } = require('ethers');

const { cases } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const typesOf = {};
for (const c of cases.filter((c) => c.kind === 'message')) {
  const { EIP712Domain, ...types } = c.data.types;
  typesOf[c.name] = types;
}
const names = { grant: 'AccessGrant', mandate: 'Mandate', 'key card': 'KeyCard' };
const sha256 = (bytes) => '0x' + crypto.createHash('sha256').update(bytes).digest('hex');

function check(ok, why) {
  if (!ok) throw new Error(why);
}

function message(c) {
  const types = typesOf[c.name];
  check(TypedDataEncoder.hash(c.data.domain, types, c.data.message) === c.digest, 'digest');
  check(id(TypedDataEncoder.from(types).encodeType(c.name)) === c.type_hash, 'type hash');
  check(verifyTypedData(c.data.domain, types, c.data.message, c.signature).toLowerCase() === c.signer, 'signer');
}

function envelope(c) {
  const body = JSON.parse(c.raw);
  const types = typesOf[names[c.kind]];
  const signer = verifyTypedData(c.domain, types, body[c.kind], body.signature).toLowerCase();
  check(signer === c.signer, 'signer');
}

function card(c) {
  const body = JSON.parse(c.raw);
  const types = typesOf.KeyCard;
  const digest = TypedDataEncoder.hash(c.domain, types, body.card);
  check(sha256(Buffer.from(body.sealing_key, 'base64url')) === body.card.sealingKeyHash, 'sealing key');
  const { crv, kty, x, y } = body.present_jwk;
  check(sha256(JSON.stringify({ crv, kty, x, y })) === body.card.presentKeyThumbprint, 'present key');
  const key = crypto.createPublicKey({ key: body.present_jwk, format: 'jwk' });
  const possession = Buffer.from(body.possession, 'base64url');
  const signed = Buffer.from(digest.slice(2), 'hex');
  check(crypto.verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, possession), 'possession');
  check(verifyTypedData(c.domain, types, body.card, body.account_signature).toLowerCase() === c.signer, 'signer');
}

const judge = { message, grant: envelope, mandate: envelope, 'key card': card };
const answers = cases.map((c) => {
  try {
    judge[c.kind](c);
    return { ok: true, why: '' };
  } catch (error) {
    return { ok: false, why: String(error.message) };
  }
});
process.stdout.write(JSON.stringify(answers));
