// Request codes of windows, and presentations in frames (docs/spec/window.md).
import { inflateRawSync } from "node:zlib";
import { openFile, readIdentity } from "./age.mjs";
import { b64u, hex0x, join, sha256, unbase45, unhex0x } from "./bytes.mjs";
import { readJwk } from "./jose.mjs";
import { denied, need } from "./refused.mjs";
import { Reader, readSign1 } from "./shows.mjs";

function readPayload(payload) {
  const reader = new Reader(payload);
  reader.expect("a70154");
  const code = { agency: reader.take(20) };
  reader.expect("02");
  code.desk = reader.uint();
  reader.expect("0350");
  code.nonce = reader.take(16);
  reader.expect("04");
  code.exp = reader.uint();
  reader.expect("055820");
  code.sealing = reader.take(32);
  reader.expect("06");
  code.iat = reader.uint();
  reader.expect("075820");
  code.scenario = reader.take(32);
  reader.end();
  need(code.desk >= 1 && code.desk <= 65_535, "request code: its desk");
  need(code.iat < code.exp && code.exp <= code.iat + 60, "request code: its lifetime");
  return code;
}

function requestCode({ text, key, log, now, digest }) {
  const { payload, verify } = readSign1(text, "OFR:");
  const code = readPayload(payload);
  verify(readJwk(key), "request_signature", log);
  if (now < code.iat - 5 || now >= code.exp) denied("request_expired");
  const match = sha256("onefile/match/v1", code.nonce, unhex0x(digest, 32)).readBigUInt64BE();
  return {
    agency: hex0x(code.agency),
    desk: code.desk,
    sealing: b64u(code.sealing),
    scenario: b64u(code.scenario),
    grant: b64u(sha256("onefile/request-grant/v1", code.nonce)),
    match: String(match % 10_000n).padStart(4, "0"),
  };
}

function readFrame(text) {
  const found = /^OF2:([1-9][0-9]?)\/([1-9][0-9]?):([0-9A-Z $%*+\-./:]+)$/.exec(text);
  need(found, "frame");
  const [index, count, raw] = [Number(found[1]), Number(found[2]), unbase45(found[3])];
  const size = raw.length - 4;
  need(index <= count && count <= 16, "frame: its number");
  need(size === 560 || (size > 0 && size < 560 && index === count), "frame: its size");
  return { index, count, ident: raw.subarray(0, 4), piece: raw.subarray(4) };
}

/** The message of the frames that were seen, those of another one forgotten; it is whole, or it is malformed. */
function assembled(texts) {
  let seen = new Map();
  for (const frame of texts.map(readFrame)) {
    const [known = frame] = seen.values();
    if (!known.ident.equals(frame.ident) || known.count !== frame.count) seen = new Map();
    seen.set(frame.index, frame);
    if (seen.size < frame.count) continue;
    const message = join(...Array.from({ length: frame.count }, (_, i) => seen.get(i + 1).piece));
    need(sha256(message).subarray(0, 4).equals(frame.ident), "frames that do not belong together");
    return message;
  }
  return need(false, "frames are missing");
}

function inflated(raw) {
  let found;
  try {
    found = inflateRawSync(raw, { maxOutputLength: 16_384, info: true });
  } catch (error) {
    need(false, `message: ${error.message}`);
  }
  need(found.engine.bytesWritten === raw.length, "message: something behind it");
  return found.buffer;
}

function unpacked(raw) {
  const parts = [];
  for (let at = 0; at < raw.length; ) {
    need(at + 2 <= raw.length && at + 2 + raw.readUInt16BE(at) <= raw.length, "message: a part cut off");
    const size = raw.readUInt16BE(at);
    parts.push(b64u(raw.subarray(at + 2, at + 2 + size)));
    at += 2 + size;
  }
  need(parts.length >= 6 && parts.length <= 128, "message: another number of parts");
  return [parts.slice(0, 3).join("."), ...parts.slice(3, -3), parts.slice(-3).join(".")].join("~");
}

function offlineMessage({ frames, window }) {
  const message = assembled(frames);
  const [kind, body] = [message[0], message.subarray(1)];
  need((kind === 1 && window === null) || (kind === 2 && window !== null), "message: another kind");
  const packed = kind === 1 ? body : openFile(body, readIdentity(window));
  return { presentation: unpacked(inflated(packed)), one_way: kind === 1 };
}

export const judges = {
  "request-code": requestCode,
  "offline-frame": ({ text }) => {
    const { index, count, ident, piece } = readFrame(text);
    return { index, count, ident: b64u(ident), size: piece.length };
  },
  "offline-message": offlineMessage,
};
