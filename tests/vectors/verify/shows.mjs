// The one spelling of COSE_Sign1 in our codes, and show codes (docs/spec/show.md §2).
import { b64u, join, unbase45 } from "./bytes.mjs";
import { readJwk, verifyEs256 } from "./jose.mjs";
import { denied, need, untrusted } from "./refused.mjs";
import { originPrefix } from "./texts.mjs";

/** Reads bytes as a template: what does not stand in it is malformed. */
export class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(size) {
    need(this.at + size <= this.bytes.length, "code: cut off");
    return this.bytes.subarray(this.at, (this.at += size));
  }

  expect(hex) {
    need(this.take(hex.length / 2).toString("hex") === hex, "code: another encoding");
  }

  /** A CBOR unsigned integer in its shortest form, at most four bytes. */
  uint() {
    const first = this.take(1)[0];
    need(first <= 0x1a, "code: no integer of ours");
    if (first < 24) return first;
    const size = 1 << (first - 24);
    const value = this.take(size).readUIntBE(0, size);
    need(value >= [24, 256, 65_536][first - 24], "code: an integer longer than it need be");
    return value;
  }

  end() {
    need(this.at === this.bytes.length, "code: something behind it");
  }
}

const bstr = (data) => join(data.length < 24 ? [0x40 + data.length] : [0x58, data.length], data);

/** A tagged COSE_Sign1 with ES256 behind a prefix: its payload, and a function that verifies it. */
export function readSign1(text, prefix) {
  need(text.startsWith(prefix), `code: no ${prefix}`);
  const reader = new Reader(unbase45(text.slice(prefix.length)));
  reader.expect("d28443a10126a058");
  const payload = reader.take(reader.take(1)[0]);
  reader.expect("5840");
  const signature = reader.take(64);
  reader.end();
  // Sig_structure, RFC 9052 §4.4: ["Signature1", protected, external_aad, payload]
  const signed = (aad) => join([0x84, 0x6a], "Signature1", bstr(Buffer.from("a10126", "hex")), bstr(Buffer.from(aad)), bstr(payload));
  return { payload, verify: (key, code, aad = "") => verifyEs256(key, signed(aad), signature, code) };
}

function readPayload(payload) {
  const reader = new Reader(payload);
  reader.expect("a50150");
  const session = reader.take(16);
  reader.expect("02");
  const counter = reader.uint();
  reader.expect("04");
  const exp = reader.uint();
  reader.expect("06");
  const iat = reader.uint();
  reader.expect("0748");
  const log = reader.take(8);
  reader.end();
  need(counter <= 65_535 && iat < exp && exp <= iat + 60, "show code: its counter or its lifetime");
  return { session, counter, exp, iat, log };
}

function showCode({ text, key, log, now }) {
  const { payload, verify } = readSign1(text, "OF1:");
  const code = readPayload(payload);
  verify(readJwk(key), "show_code_signature");
  if (!code.log.equals(originPrefix(log))) untrusted("show_code_log");
  if (now < code.iat - 5 || now >= code.exp) denied("show_code_expired");
  return { session: b64u(code.session), counter: code.counter, exp: code.exp, iat: code.iat };
}

export const judges = { "show-code": showCode };
