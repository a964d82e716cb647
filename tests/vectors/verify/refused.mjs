// How this verifier refuses: one of the categories of ../README.md, and words for whoever reads them.

export class Refused extends Error {
  constructor(expect, why) {
    super(`${expect}: ${why}`);
    this.expect = expect;
  }
}

const raise = (fault) => (code, why = "") => {
  throw new Refused(`${fault}:${code}`, why);
};

export const untrusted = raise("untrusted");
export const denied = raise("denied");
export const unavailable = raise("unavailable");

export function malformed(why) {
  throw new Refused("malformed", why);
}

/** The bytes parse, or they do not. */
export function need(holds, why) {
  if (!holds) malformed(why);
}
