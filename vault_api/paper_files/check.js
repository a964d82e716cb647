// Checks the statement on a paper copy, in the browser: docs/spec/paper.md §3. Nothing of it is sent to anybody: what is
// asked for is the issuer's row and its status list, by names that thousands of papers share.

const MAX_DIGITS = 2000;
const MAX_UNPACKED = 8192;
const MAX_ANSWER = 300_000;
const MAX_LIST = 131_072;
const MIN_LIST = 32_768;
const SKEW_S = 120;
const MAX_LIFETIME_S = 366 * 86_400;
const STATUSES = ["valid", "revoked", "suspended", "correcting"];
const AGENCY = /^urn:onefile:agency:([1-9][0-9]{0,15}):(0x[0-9a-f]{40}):(0x[0-9a-f]{40})$/;
const LIST = /^urn:onefile:status:(0x[0-9a-f]{40}):(0|[1-9][0-9]{0,8})$/;

/** Why a check ends early: `state` is what the page shows, `code` why. */
export class Verdict extends Error {
  constructor(state, code) {
    super(code);
    this.state = state;
    this.code = code;
  }
}

/**
 * The paper behind `fragment` and what holds of it.
 * `here`: {log, chain, registry} of this vault; `ask(path)` fetches of it and answers text; `now` in seconds.
 * Returns {state, code, paper, issuer, listedAt}; `paper` is null unless its issuer's signature holds.
 */
export async function checkPaper(fragment, here, ask, now) {
  const found = { state: "valid", code: "valid", paper: null, issuer: null, listedAt: null };
  try {
    const token = await readToken(fragment);
    const paper = readPaper(token);
    const account = checkPlace(paper, here);
    const row = JSON.parse(await asked(ask, `/v1/agencies/${account}`));
    const key = await issuerKey(row, token.header.kid);
    if (!(await signed(key, token))) throw new Verdict("altered", "signature");
    found.paper = paper;
    found.issuer = row.name;
    if (row.compromised_since !== null && paper.iat >= row.compromised_since) throw new Verdict("altered", "key_compromised");
    checkTime(paper, now);
    const list = await statusList(ask, paper, row, key, now);
    found.listedAt = list.iat;
    found.state = found.code = STATUSES[(list.bits[paper.status.idx >> 2] >> ((paper.status.idx & 3) * 2)) & 3];
  } catch (error) {
    found.state = error instanceof Verdict ? error.state : "malformed";
    found.code = error instanceof Verdict ? error.code : "malformed";
  }
  return found;
}

async function readToken(fragment) {
  const digits = fragment.replace(/^#/, "");
  if (!/^[1-9][0-9]*$/.test(digits) || digits.length > MAX_DIGITS) throw new Verdict("malformed", "link");
  let hex = BigInt(digits).toString(16);
  if (hex.length % 2) hex = "0" + hex;
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  if (bytes[0] !== 1) throw new Verdict("malformed", "link");
  let left = await inflate(bytes.subarray(1), "deflate-raw", MAX_UNPACKED);
  const parts = [];
  for (let i = 0; i < 3; i += 1) {
    const size = (left[0] << 8) | left[1];
    if (left.length < 2 + size) throw new Verdict("malformed", "link");
    parts.push(left.slice(2, 2 + size));
    left = left.subarray(2 + size);
  }
  if (left.length) throw new Verdict("malformed", "link");
  return tokenOf(parts, "onefile-paper+jwt");
}

function tokenOf([header, payload, signature], typ) {
  const found = {
    header: json(header),
    body: json(payload),
    input: new TextEncoder().encode(`${base64url(header)}.${base64url(payload)}`),
    signature,
  };
  const { alg, kid } = found.header;
  if (alg !== "ES256" || found.header.typ !== typ || typeof kid !== "string" || signature.length !== 64) {
    throw new Verdict("malformed", "token");
  }
  return found;
}

function readPaper({ body }) {
  const claims = body.claims;
  const right =
    body.aud === "paper" &&
    typeof body.log === "string" &&
    Number.isSafeInteger(body.iat) &&
    Number.isSafeInteger(body.exp) &&
    body.iat < body.exp &&
    body.exp <= body.iat + MAX_LIFETIME_S &&
    typeof body.vct === "string" &&
    Number.isSafeInteger(body.status?.idx) &&
    body.status.idx >= 0 &&
    LIST.test(body.status.uri) &&
    claims !== null &&
    typeof claims === "object" &&
    Object.values(claims).every((value) => ["string", "number", "boolean"].includes(typeof value));
  if (!right) throw new Verdict("malformed", "paper");
  return body;
}

function checkPlace(paper, here) {
  const named = AGENCY.exec(paper.iss);
  if (!named || named[3] !== LIST.exec(paper.status.uri)[1]) throw new Verdict("malformed", "paper");
  if (named[1] !== here.chain || named[2] !== here.registry || paper.log !== here.log) {
    throw new Verdict("foreign", "place");
  }
  return named[3];
}

async function issuerKey(row, kid) {
  const jwk = row.card?.present_jwk;
  if (!jwk) throw new Verdict("unknown", "card_missing");
  const { crv, kty, x, y } = jwk;
  const text = new TextEncoder().encode(JSON.stringify({ crv, kty, x, y }));
  const thumbprint = base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", text)));
  // An earlier key may have been good: this vault hands out the newest card only, so that nothing is known of it here.
  if (thumbprint !== kid) throw new Verdict("unknown", "key_changed");
  return crypto.subtle.importKey("jwk", { crv, kty, x, y }, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
}

function signed(key, token) {
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, token.signature, token.input);
}

function checkTime(paper, now) {
  if (now >= paper.exp) throw new Verdict("expired", "paper_expired");
  if (now < paper.iat - SKEW_S) throw new Verdict("unknown", "clock");
  const until = paper.claims["/expiring_date"];
  // Days of Chinese licences are days of China Standard Time; a licence holds until its last day ends.
  const today = new Date((now + 8 * 3600) * 1000).toISOString().slice(0, 10);
  if (typeof until === "string" && today > until) throw new Verdict("expired", "licence_expired");
}

async function statusList(ask, paper, row, key, now) {
  const [, account, n] = LIST.exec(paper.status.uri);
  const raw = await asked(ask, `/v1/status-lists/${account}/${n}`);
  const parts = raw.split(".").map(unbase64url);
  if (parts.length !== 3) throw new Verdict("unknown", "status_form");
  const token = tokenOf(parts, "statuslist+jwt");
  // By the issuer's newest key, of this very list, and of now: else the list says nothing of this paper.
  if (!(await signed(key, token))) throw new Verdict("unknown", "status_signature");
  const { iss, sub, iat, exp, status_list: list } = token.body;
  if (iss !== paper.iss || sub !== paper.status.uri) throw new Verdict("unknown", "status_other");
  if (now < iat - SKEW_S || now >= exp) throw new Verdict("unknown", "status_stale");
  const bits = await inflate(unbase64url(list.lst), "deflate", MAX_LIST);
  if (list.bits !== 2 || bits.length < MIN_LIST || paper.status.idx >= bits.length * 4) {
    throw new Verdict("unknown", "status_form");
  }
  return { bits, iat };
}

async function asked(ask, path) {
  let text;
  try {
    text = await ask(path);
  } catch {
    throw new Verdict("unknown", "unreachable");
  }
  if (text === null) throw new Verdict("unknown", "not_here");
  if (text.length > MAX_ANSWER) throw new Verdict("unknown", "answer_too_large");
  return text;
}

async function inflate(bytes, format, most) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const found = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new Verdict("malformed", "too_large");
    }
    found.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of found) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function json(bytes) {
  const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Verdict("malformed", "token");
  return value;
}

function base64url(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

function unbase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
