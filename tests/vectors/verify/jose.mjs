// P-256 keys and compact JWS with ES256 (docs/spec/credential.md §7; RFC 7515, 7518, 7638).
import { createPublicKey, verify } from "node:crypto";
import { b64u, sha256, unb64u } from "./bytes.mjs";
import { isObject, parseObject } from "./json.mjs";
import { need, untrusted } from "./refused.mjs";

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const number = (bytes) => BigInt("0x" + bytes.toString("hex"));

const sameNames = (value, names) => isObject(value) && Object.keys(value).sort().join() === [...names].sort().join();

/** A public key from a JWK with exactly kty, crv, x, y. */
export function readJwk(value) {
  need(sameNames(value, ["kty", "crv", "x", "y"]) && value.kty === "EC" && value.crv === "P-256", "jwk");
  const [x, y] = [number(unb64u(value.x, 32, "x")), number(unb64u(value.y, 32, "y"))];
  need(x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n, "jwk: no point of P-256");
  const { x: xs, y: ys } = value;
  return { jwk: { kty: "EC", crv: "P-256", x: xs, y: ys }, kid: thumbprint(value) };
}

/** RFC 7638: SHA-256 of the required members in the order of their names. */
const thumbprint = ({ crv, kty, x, y }) => b64u(sha256(JSON.stringify({ crv, kty, x, y })));

export function verifyEs256(key, data, signature, code) {
  const loaded = createPublicKey({ key: key.jwk, format: "jwk" });
  const holds = signature.length === 64 && verify("sha256", data, { key: loaded, dsaEncoding: "ieee-p1363" }, signature);
  if (!holds) untrusted(code);
}

/** A compact JWS, not verified. ``kid``: whether this form has one. */
export function parseJws(raw, typ, { kid = true, limit = 256 << 10 } = {}) {
  need(typeof raw === "string" && raw.length <= limit && /^[\x00-\x7f]*$/.test(raw), "JWS");
  const parts = raw.split(".");
  need(parts.length === 3 && parts[0].length <= 1024, "JWS: not three parts");
  const header = parseObject(unb64u(parts[0]));
  need(sameNames(header, kid ? ["alg", "typ", "kid"] : ["alg", "typ"]), "JWS: another header");
  need(header.alg === "ES256" && header.typ === typ, "JWS: another alg or typ");
  if (kid) unb64u(header.kid, 32, "kid");
  const payload = unb64u(parts[1]);
  return {
    kid: header.kid ?? null,
    payload,
    claims: () => parseObject(payload, 256 << 10),
    input: Buffer.from(`${parts[0]}.${parts[1]}`),
    signature: unb64u(parts[2], 64, "signature"),
    hash: b64u(sha256(raw)),
    raw,
  };
}

export function verifyJws(jws, key) {
  if (jws.kid !== null && jws.kid !== key.kid) untrusted("jws_kid");
  verifyEs256(key, jws.input, jws.signature, "jws_signature");
}

export const judges = {
  jwk: ({ jwk }) => readJwk(jwk).kid,
};
