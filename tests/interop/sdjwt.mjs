// npm's @sd-jwt/sd-jwt-vc, as the stranger that verifies what we made and makes what we verify.
// Reads one JSON job on stdin, writes one JSON answer.
import { createHash, randomBytes, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import { StatusList, createHeaderAndPayload } from "@sd-jwt/jwt-status-list";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const b64u = (bytes) => Buffer.from(bytes).toString("base64url");
const hasher = (data) => createHash("sha256").update(Buffer.from(data)).digest();
const saltGenerator = () => b64u(randomBytes(16));

async function verifier(jwk) {
  const key = await webcrypto.subtle.importKey("jwk", jwk, ALGORITHM, false, ["verify"]);
  return (data, signature) =>
    webcrypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, Buffer.from(signature, "base64url"), Buffer.from(data));
}

async function signer(jwk) {
  const key = await webcrypto.subtle.importKey("jwk", jwk, ALGORITHM, false, ["sign"]);
  return async (data) =>
    b64u(await webcrypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, Buffer.from(data)));
}

// The library's own judgement, its own check of the status (only 0 is good) included.
async function judge({ sdjwt, issuer, nonce, status, now }) {
  const instance = new SDJwtVcInstance({
    verifier: await verifier(issuer),
    kbVerifier: async (data, signature, payload) => (await verifier(payload.cnf.jwk))(data, signature),
    hasher, hashAlg: "sha-256",
    statusListFetcher: async () => status,
  });
  try {
    const { payload, kb } = await instance.verify(sdjwt, { keyBindingNonce: nonce ?? undefined, currentDate: now });
    return { ok: true, payload, aud: kb?.payload.aud };
  } catch (error) {
    return { ok: false, error: String(error) };
  }
}

const verify = ({ cases }) => Promise.all(cases.map(judge));

async function make({ claims, frame, kid, issuer, holder, show, aud, nonce, iat }) {
  const instance = new SDJwtVcInstance({
    signer: await signer(issuer), signAlg: "ES256",
    kbSigner: await signer(holder), kbSignAlg: "ES256",
    hasher, hashAlg: "sha-256", saltGenerator,
  });
  const issued = await instance.issue(claims, frame, { header: { kid } });
  const presented = await instance.present(issued, show, { kb: { payload: { iat, aud, nonce } } });
  return { issued, presented };
}

function list({ statuses, bits, iss, sub, iat, exp, ttl, kid }) {
  const found = new StatusList(statuses, bits);
  const { header, payload } = createHeaderAndPayload(found, { iss, sub, iat, exp, ttl }, { alg: "ES256", typ: "statuslist+jwt", kid });
  return { header, payload };
}

const jobs = { verify, make, list };
const job = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(await jobs[job.do](job)));
