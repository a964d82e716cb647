// npm's http-message-signatures as somebody else's client and server: signs, sends and verifies requests by
// docs/http.md. Reads one JSON job {do, cases} on stdin, writes one JSON answer for each case.
import { createHash, createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import signatures from "http-message-signatures";

const { createSigner, createVerifier, httpbis } = signatures;
const ALG = "ecdsa-p256-sha256";
const ALWAYS = ["@method", "@target-uri"];
const IF_PRESENT = ["content-digest", "idempotency-key", "onefile-act-for"];
const token = () => randomBytes(16).toString("base64url");
const digestOf = (body) => `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;

async function sign({ jwk, keyid, created, nonce, method, url, headers = {}, body, fields }) {
  const bytes = body === undefined ? undefined : Buffer.from(body, "base64");
  const own = {};
  if (bytes !== undefined) own["content-digest"] = digestOf(bytes);
  if (method !== "GET") own["idempotency-key"] = token();
  const all = { ...own, ...headers };
  return httpbis.signMessage(
    {
      key: createSigner(createPrivateKey({ key: jwk, format: "jwk" }), ALG, keyid),
      name: "onefile",
      fields: fields ?? [...ALWAYS, ...IF_PRESENT.filter((name) => name in all)],
      params: ["created", "keyid", "alg", "nonce", "tag"],
      paramValues: { created: new Date((created ?? Date.now() / 1000) * 1000), nonce: nonce ?? token(), tag: "onefile/v1" },
    },
    { method, url, headers: all, body: bytes },
  );
}

async function send(job) {
  const { method, url, headers, body } = await sign(job);
  const answer = await fetch(url, { method, headers, body });
  return { status: answer.status, text: await answer.text() };
}

async function verify({ jwk, method, url, headers, body, now }) {
  const key = { id: "", algs: [ALG], verify: createVerifier(createPublicKey({ key: jwk, format: "jwk" }), ALG) };
  const required = [...ALWAYS, ...IF_PRESENT.filter((name) => name in headers)];
  try {
    const good = await httpbis.verifyMessage(
      { keyLookup: async () => key, requiredFields: required, requiredParams: ["created", "keyid", "nonce", "tag"], notAfter: now },
      { method, url, headers },
    );
    const digest = headers["content-digest"];
    return { ok: good === true && (digest === undefined || digest === digestOf(Buffer.from(body, "base64"))) };
  } catch (error) {
    return { ok: false, error: String(error) };
  }
}

const jobs = { sign: async (one) => (await sign(one)).headers, send, verify };
const { do: what, cases } = JSON.parse(readFileSync(0, "utf8"));
const answers = [];
for (const one of cases) answers.push(await jobs[what](one));
process.stdout.write(JSON.stringify(answers));
