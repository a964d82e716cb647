// The vault's own page script in node's WebCrypto, and npm's jose on the same statements. One JSON job on stdin.
import { readFileSync } from "node:fs";
import { calculateJwkThumbprint, importJWK, jwtVerify } from "jose";

const job = JSON.parse(readFileSync(0, "utf8"));
const source = readFileSync(job.script, "utf8");
const { checkPaper } = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);

async function check({ fragment, answers, now }) {
  const asked = [];
  const ask = async (path) => {
    asked.push(path);
    if (answers === null) throw new Error("away");
    return answers[path] ?? null;
  };
  const { state, code, paper, issuer } = await checkPaper(fragment, job.here, ask, now);
  return { state, code, claims: paper && paper.claims, issuer, asked };
}

async function verify({ raw, jwk, now }) {
  const options = { algorithms: ["ES256"], typ: "onefile-paper+jwt", audience: "paper", currentDate: new Date(now * 1000) };
  try {
    const { payload, protectedHeader } = await jwtVerify(raw, await importJWK(jwk, "ES256"), options);
    return { ok: true, payload, kid: protectedHeader.kid, thumbprint: await calculateJwkThumbprint(jwk) };
  } catch (error) {
    return { ok: false, error: error.code };
  }
}

process.stdout.write(JSON.stringify({
  checked: await Promise.all(job.check.map(check)),
  verified: await Promise.all(job.verify.map(verify)),
}));
