"""Vectors of signed HTTP requests (RFC 9421) as docs/http.md wants them."""

from __future__ import annotations

from typing import Any

from protocol import http_sig
from protocol.encoding import b64, b64u
from protocol.hashing import sha256
from protocol.identifiers import dossier_urn
from protocol.jose import P256Signer
from tests.credential_samples import DOSSIER, HOLDER, ISSUER
from tests.vectors.book import Book, octets
from tests.vectors.judges import uses
from tests.vectors.makers.signed import NOW, jwk

URL = "https://vault.example/v1/me/statements"
BODY = b'{"statement":"e30.e30.AA"}'
NONCE, KEY = b64u(bytes(range(16))), b64u(bytes(range(16, 32)))
WRITTEN = {
    "content-type": "application/json",
    "content-digest": http_sig.content_digest(sha256(BODY)),
    "idempotency-key": KEY,
}
COVERED = ("@method", "@target-uri", "content-digest", "idempotency-key")


def parameters(signer: P256Signer = HOLDER, **changes: str) -> str:
    """The parameters as they stand in ``Signature-Input``; an empty text leaves one out."""
    base = {
        "created": str(NOW),
        "keyid": f'"{signer.public_jwk().kid()}"',
        "alg": '"ecdsa-p256-sha256"',
        "nonce": f'"{NONCE}"',
        "tag": '"onefile/v1"',
    }
    return "".join(f";{name}={value}" for name, value in {**base, **changes}.items() if value)


def signed(
    headers: dict[str, str],
    covered: tuple[str, ...] = COVERED,
    params: str | None = None,
    *,
    method: str = "POST",
    url: str = URL,
    signer: P256Signer = HOLDER,
    label: str = "onefile",
) -> dict[str, str]:
    """``headers`` with the two that sign them; written out by RFC 9421 §2.5, not by the library that our client uses."""
    derived = {"@method": method, "@target-uri": url}
    inner = "(" + " ".join(f'"{name}"' for name in covered) + ")" + (parameters(signer) if params is None else params)
    lines = [f'"{name}": {derived.get(name) or headers.get(name, "")}' for name in covered]
    base = "\n".join([*lines, f'"@signature-params": {inner}'])
    signature = b64(signer.sign(base.encode("ascii", "replace")))
    return {**headers, "signature-input": f"{label}={inner}", "signature": f"{label}=:{signature}:"}


def requests() -> Book:
    about = (
        "method, url, headers (names in lower case), body: a request, signed by key; now: the vault's clock. "
        "The result is the nonce that a vault remembers"
    )
    book = Book("signed-request", about, uses.request)
    book.accept("a write", method="POST", url=URL, headers=signed(WRITTEN), body=octets(BODY), key=jwk(HOLDER), now=NOW)
    read = signed({"accept": "application/json"}, COVERED[:2], method="GET", url=URL + "?page=2")
    book.accept("a read", method="GET", url=URL + "?page=2", headers=read, body=None, key=jwk(HOLDER), now=NOW)
    acting = {**WRITTEN, "onefile-act-for": dossier_urn(DOSSIER)}
    book.also("for another dossier", headers=signed(acting, (*COVERED, "onefile-act-for")))
    book.also("a header that is not ours is covered too", headers=signed(WRITTEN, (*COVERED, "content-type")))
    book.also("components in another order", headers=signed(WRITTEN, COVERED[::-1]))
    shuffled = (
        f';tag="onefile/v1";nonce="{NONCE}";alg="ecdsa-p256-sha256";keyid="{HOLDER.public_jwk().kid()}";created={NOW}'
    )
    book.also("parameters in another order", headers=signed(WRITTEN, params=shuffled))
    book.also("another label", headers=signed(WRITTEN, label="sig1"))
    book.also("a minute late", now=NOW + 60)
    book.also("a minute early", now=NOW - 60)
    refuse_false(book)
    refuse_uncovered(book)
    refuse_malformed(book)
    return book


def refuse_false(book: Book) -> None:
    wrong = "untrusted:signature_wrong"
    good = book.base()["input"]["headers"]
    bad = good["signature"].replace("=:", "=:" + ("A" if good["signature"][9] != "A" else "B"), 1)
    broken = bad[:10] + bad[11:]
    book.refuse("a minute and a second late", "denied:signature_stale", now=NOW + 61)
    book.refuse("a minute and a second early", "denied:signature_stale", now=NOW - 61)
    book.refuse("another key", wrong, key=jwk(ISSUER))
    book.refuse("another method", wrong, method="PUT")
    book.refuse("another path", wrong, url=URL + "/")
    book.refuse("a query", wrong, url=URL + "?page=1")
    book.refuse("another host", wrong, url=URL.replace("vault", "other"))
    book.refuse("another idempotency key", wrong, headers={**good, "idempotency-key": NONCE})
    book.refuse(
        "another nonce", wrong, headers={**good, "signature-input": good["signature-input"].replace(NONCE, KEY)}
    )
    book.refuse(
        "a later time",
        wrong,
        headers={**good, "signature-input": good["signature-input"].replace(str(NOW), str(NOW + 1))},
    )
    book.refuse("a broken signature", wrong, headers={**good, "signature": broken})
    book.refuse("a signature of 63 bytes", wrong, headers={**good, "signature": f"onefile=:{b64(bytes(63))}:"})
    book.refuse(
        "signed by another key under this kid", wrong, headers=signed(WRITTEN, params=parameters(), signer=ISSUER)
    )
    book.refuse(
        "signed under another label", wrong, headers={**good, "signature": good["signature"].replace("onefile", "sig1")}
    )
    book.refuse("another body", "untrusted:content_digest_wrong", body=octets(BODY + b" "))
    book.refuse("no body", "untrusted:content_digest_wrong", body=None)


def refuse_uncovered(book: Book) -> None:
    uncovered = "denied:signature_components"
    acting = {**signed(WRITTEN), "onefile-act-for": dossier_urn(DOSSIER)}
    for name, headers in (
        ("the digest", signed(WRITTEN, ("@method", "@target-uri", "idempotency-key"))),
        ("the idempotency key", signed(WRITTEN, COVERED[:3])),
        ("the method", signed(WRITTEN, COVERED[1:])),
        ("the address", signed(WRITTEN, ("@method", "content-digest", "idempotency-key"))),
        ("whom it acts for", acting),
    ):
        book.refuse(f"not covered: {name}", uncovered, headers=headers)
    bare = {n: v for n, v in WRITTEN.items() if n != "idempotency-key"}
    book.refuse("no idempotency key", uncovered, headers=signed(bare, COVERED[:3]))
    undigested = {n: v for n, v in WRITTEN.items() if n != "content-digest"}
    book.refuse("no digest", uncovered, headers=signed(undigested, ("@method", "@target-uri", "idempotency-key")))
    book.refuse("a body with a read", uncovered, of="a read", body=octets(BODY))
    good = book.base()["input"]["headers"]
    for name in ("signature", "signature-input"):
        kept = {n: v for n, v in good.items() if n != name}
        book.refuse(f"no {name}", "denied:signature_missing", headers=kept)


def refuse_malformed(book: Book) -> None:
    def params(name: str, code: str = "signature_parameters", /, **changes: str) -> None:
        book.refuse(name, f"malformed:{code}", headers=signed(WRITTEN, params=parameters(**changes)))

    params("no time", created="")
    params("no nonce", nonce="")
    params("a nonce of 15 bytes", "length", nonce=f'"{b64u(bytes(15))}"')
    params("a keyid in hex", "length", keyid='"' + HOLDER.public_jwk().thumbprint().hex() + '"')
    params("another algorithm", alg='"ed25519"')
    params("another tag", tag='"other/v1"')
    params("an end", expires=str(NOW + 60))
    params("a time as text", created=f'"{NOW}"')
    params("a negative time", created="-1")
    good = book.base()["input"]["headers"]
    for name, code, text in (
        ("two signatures", "signature_parameters", good["signature-input"] + ", b=()"),
        ("no list", "signature_parameters", "onefile=1"),
        ("no structured field", "signature_parameters", "onefile=("),
        ("nothing", "signature_parameters", ""),
        ("a component of the request before", "signature_components", good["signature-input"].replace('"@method"', '"@method";req')),
        ("a component that is a number", "signature_components", good["signature-input"].replace('"@method"', "1")),
        ("3,000 characters", "signature_parameters", good["signature-input"] + ";a" * 1500),
    ):  # fmt: skip
        book.refuse(f"input: {name}", f"malformed:{code}", headers={**good, "signature-input": text})
    other = {**WRITTEN, "content-digest": WRITTEN["content-digest"].replace("256", "512")}
    book.refuse("SHA-512", "malformed:content_digest", headers=signed(other))
    short = {**WRITTEN, "idempotency-key": b64u(bytes(15))}
    book.refuse("an idempotency key of 15 bytes", "malformed:length", headers=signed(short))


def verdicts() -> Book:
    about = "report: a verdict as it travels; policy: by which its checks are concluded anew (docs/spec/verdict.md)"
    book = Book("verdict", about, uses.verdict)
    from protocol.verdict import CHECKS, POLICIES

    def checks(policy: str, **changes: dict[str, Any]) -> list[dict[str, Any]]:
        required = POLICIES[policy].required
        made = {
            name: {"name": name, "status": "pass", "code": "ok", "detail": "", "fact_age_s": None}
            if name in required
            else {"name": name, "status": "skipped", "code": "not_applicable", "detail": "", "fact_age_s": None}
            for name in CHECKS
        }
        return [{**made[name], **changes.get(name, {})} for name in CHECKS]

    def report(policy: str, **changes: dict[str, Any]) -> dict[str, Any]:
        return {"verdict": "accept", "at": NOW, "checks": checks(policy, **changes)}

    for policy in POLICIES:
        book.accept(f"{policy}: every check passes", policy=policy, report=report(policy))
    unknown = {"status": "unknown", "code": "anchor_pending"}
    nothing = {"status": "skipped", "code": "not_applicable"}
    window, release, evidence = (f"{policy}: every check passes" for policy in ("window", "release", "evidence"))
    book.also(
        "window: not final for 900 s",
        of=window,
        report=report("window", anchor_finality={**unknown, "fact_age_s": 900}),
    )
    book.also(
        "window: there is no grant",
        of=window,
        report=report("window", **dict.fromkeys([n for n in CHECKS if n.startswith("grant_")], nothing)),
    )
    book.also("release: facts of an hour", report=report("release", grant_scope={"fact_age_s": 3600}))
    book.also(
        "release: what it does not ask for fails",
        report=report("release", status={"status": "fail", "code": "credential_invalid"}),
    )
    book.also(
        "a check of a later version",
        report={**report("release"), "checks": [*checks("release"), {**checks("release")[0], "name": "weather"}]},
    )
    failing = {"status": "fail", "code": "no"}
    for of, policy, name in (
        (release, "release", "format"),
        (release, "release", "grant_revocation"),
        (release, "release", "mandate"),
        (window, "window", "status"),
        (window, "window", "anchor_finality"),
        (evidence, "evidence", "log_consistency"),
    ):
        book.refuse(f"{policy}: {name} fails", "rejected", of=of, report=report(policy, **{name: failing}))
    book.refuse(
        "release: one fails and one is unknown",
        "rejected",
        report=report("release", grant_uses=failing, mandate=unknown),
    )
    for of, policy, name, change in (
        (release, "release", "grant_time is unknown", {"grant_time": unknown}),
        (release, "release", "facts older than an hour", {"grant_scope": {"fact_age_s": 3601}}),
        (release, "release", "format is skipped", {"format": nothing}),
        (release, "release", "a check was not reached", {"grant_scope": {"status": "skipped", "code": "not_reached"}}),
        (window, "window", "not final for 901 s", {"anchor_finality": {**unknown, "fact_age_s": 901}}),
        (window, "window", "not final since nobody knows when", {"anchor_finality": unknown}),
        (window, "window", "a status older than an hour", {"status": {"fact_age_s": 3601}}),
        (evidence, "evidence", "not final for a second", {"anchor_finality": {**unknown, "fact_age_s": 1}}),
        (evidence, "evidence", "consistency older than an hour", {"log_consistency": {"fact_age_s": 3601}}),
    ):
        book.refuse(f"{policy}: {name}", "indeterminate", of=of, report=report(policy, **change))
    good = report("release")
    book.refuse("a check is missing", "indeterminate", report={**good, "checks": good["checks"][:-2]})
    book.refuse("no checks", "indeterminate", report={**good, "checks": []})
    first = good["checks"][0]
    for name, code, members in (
        ("a word that is no verdict", "verdict_word", {"verdict": "maybe"}),
        ("a status that is none", "verdict_word", {"checks": [{**first, "status": "ok"}]}),
        ("an age as text", "field_type", {"checks": [{**first, "fact_age_s": "1"}]}),
        ("a negative age", "field_range", {"checks": [{**first, "fact_age_s": -1}]}),
        ("a check without a code", "field_missing", {"checks": [{n: v for n, v in first.items() if n != "code"}]}),
        ("65 checks", "field_count", {"checks": [first] * 65}),
        ("a time as text", "field_type", {"at": str(NOW)}),
        ("a policy of its own", "field_unknown", {"policy": "release"}),
    ):
        book.refuse(name, f"malformed:{code}", report={**good, **members})
    return book


def books() -> list[Book]:
    """All of this module."""
    return [requests(), verdicts()]
