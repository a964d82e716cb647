// npm's jose on our compact JWS: verifies, and signs the same bodies anew. One JSON job {verify, sign} on stdin.
import { readFileSync } from "node:fs";
import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, jwtVerify } from "jose";

async function verify({ raw, jwk, typ, audience, now }) {
  try {
    const options = { algorithms: ["ES256"], typ, audience, currentDate: new Date(now * 1000) };
    const { payload, protectedHeader } = await jwtVerify(raw, await importJWK(jwk, "ES256"), options);
    return { ok: true, payload, header: protectedHeader, thumbprint: await calculateJwkThumbprint(jwk) };
  } catch (error) {
    return { ok: false, error: error.code ?? String(error) };
  }
}

// Signed by a key that jose has made itself; the body goes through as it is.
const { publicKey, privateKey } = await generateKeyPair("ES256");
const { kty, crv, x, y } = await exportJWK(publicKey);
const jwk = { kty, crv, x, y };
const kid = await calculateJwkThumbprint(jwk);
const sign = ({ typ, body, kidless }) =>
  new CompactSign(Buffer.from(body, "base64"))
    .setProtectedHeader(kidless ? { alg: "ES256", typ } : { alg: "ES256", typ, kid })
    .sign(privateKey);

const job = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify({
  verified: await Promise.all(job.verify.map(verify)),
  signed: await Promise.all(job.sign.map(sign)),
  jwk,
  kid,
}));
