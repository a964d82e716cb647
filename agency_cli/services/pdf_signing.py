"""A PDF signature by an agency's key card: PAdES (B-B) with a certificate that the same key signs (docs/adr/0018).

The certificate says nothing that the registry does not say better: it is the form in which PDF readers want a key.
Whoever verifies compares its key with the agency's key card; readers without a registry see an unknown signer over
whole bytes.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from protocol.errors import Malformed, OneFileError, Untrusted
from protocol.hashing import sha256
from protocol.jose import EcSigner, PublicJwk

if TYPE_CHECKING:
    from asn1crypto import x509
    from pyhanko.pdf_utils.decode_limits import DecodeLimits
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

MAX_STREAM_BYTES = 8 << 20
_NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280 §4.1.2.5: no end is known
_NAME_CHARS = 64
# What they find odd in a stranger's PDF is no message of ours: English, and perhaps the PDF's own words.
for _library in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the registered name, the urn, the key, and the start of the key card (seconds)."""

    name: str
    urn: str
    key: EcSigner
    since: int


@dataclass(frozen=True, slots=True)
class PdfSignature:
    """A signature over a whole PDF that holds; that ``key`` is an agency's is another question."""

    key: PublicJwk
    reason: str


def unpacking_limits() -> DecodeLimits:
    """What a stranger's PDF may unpack to: objects and cross references; pages and pictures are never unpacked here."""
    from pyhanko.pdf_utils.decode_limits import DecodeLimits, DocumentDecodeBudget, StreamDecodeLimits

    budget = DocumentDecodeBudget(base_allowance=4 * MAX_STREAM_BYTES, max_ratio=4)
    return DecodeLimits(per_stream=StreamDecodeLimits(max_output_size=MAX_STREAM_BYTES), document_budget=budget)


def certificate(signer: Signer) -> x509.Certificate:
    """The self-signed certificate of a key card: one card, one set of names and times."""
    from asn1crypto import algos, core, keys, x509

    jwk = signer.key.public_jwk()
    point = b"\x04" + jwk.x + jwk.y
    algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})
    name = x509.Name.build({"common_name": signer.name[:_NAME_CHARS], "organization_name": "OneFile"})
    public = keys.PublicKeyInfo(
        {
            "algorithm": keys.PublicKeyAlgorithm(
                {"algorithm": "ec", "parameters": keys.ECDomainParameters("named", "secp256r1")}
            ),
            "public_key": keys.ECPointBitString(point),
        }
    )
    extensions: list[dict[str, Any]] = [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": False}},
        {"extn_id": "key_usage", "critical": True, "extn_value": {"digital_signature", "non_repudiation"}},
        {
            "extn_id": "subject_alt_name",
            "critical": False,
            "extn_value": [x509.GeneralName("uniform_resource_identifier", signer.urn)],
        },
        {"extn_id": "key_identifier", "critical": False, "extn_value": core.OctetString(jwk.thumbprint()[:20])},
    ]
    body = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": int.from_bytes(sha256(jwk.thumbprint())[:16], "big") >> 1,
            "signature": algorithm,
            "issuer": name,
            "validity": {
                "not_before": x509.Time("general_time", datetime.fromtimestamp(signer.since, UTC)),
                "not_after": x509.Time("general_time", _NEVER),
            },
            "subject": name,
            "subject_public_key_info": public,
            "extensions": extensions,
        }
    )
    signature = _der(signer.key.sign(body.dump()))
    return x509.Certificate({"tbs_certificate": body, "signature_algorithm": algorithm, "signature_value": signature})


def sign_pdf(writer: IncrementalPdfFileWriter, signer: Signer, *, reason: str, field: str) -> bytes:
    """The whole file with an invisible signature; ``reason`` is shown by PDF readers."""
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter

    metadata = signers.PdfSignatureMetadata(
        field_name=field,
        md_algorithm="sha256",
        reason=reason,
        name=signer.name,
        contact_info=signer.urn,
        subfilter=SigSeedSubFilter.PADES,
    )
    out = io.BytesIO()
    signers.PdfSigner(metadata, signer=_card_signer(signer)).sign_pdf(writer, output=out)
    return out.getvalue()


def whole_signature(raw: bytes) -> PdfSignature:
    """The last signature of a PDF, if it holds and covers every byte; ``Malformed`` or ``Untrusted`` otherwise."""
    try:
        return _whole_signature(raw)
    except OneFileError:
        raise
    except Exception:  # noqa: BLE001 (a hostile PDF makes pyHanko and its parsers raise whatever they meet)
        raise Malformed("pdf", "the PDF or its signature can't be read") from None


def _whole_signature(raw: bytes) -> PdfSignature:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation.status import SignatureCoverageLevel

    found = PdfFileReader(io.BytesIO(raw), decode_limits=unpacking_limits()).embedded_regular_signatures
    if not found:
        raise Untrusted("pdf_unsigned", "the PDF carries no signature")
    last = found[-1]
    last.compute_integrity_info()
    if last.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        raise Untrusted("pdf_added", "something was added to the PDF after it was signed")
    key = _key_of(last.signer_cert)
    _check_intact(last)
    return PdfSignature(key, str(last.sig_object.get("/Reason", "")))


def _check_intact(embedded: Any) -> None:
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    context = ValidationContext(trust_roots=[embedded.signer_cert], allow_fetching=False)
    status = validate_pdf_signature(embedded, signer_validation_context=context)
    if not (status.intact and status.valid):
        raise Untrusted("pdf_signature", "the PDF was changed after it was signed")


def _key_of(found: x509.Certificate) -> PublicJwk:
    point = found.public_key["public_key"].native
    if len(point) != 65 or point[0] != 4:
        raise Untrusted("pdf_key", "the PDF is signed by a key that is none of an agency's")
    return PublicJwk(point[1:33], point[33:])


def _card_signer(signer: Signer) -> Any:
    from asn1crypto.algos import SignedDigestAlgorithm
    from pyhanko.sign.signers import Signer as Base
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class CardSigner(Base):
        """pyHanko's signer around a key card's key, which may live on a device."""

        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            assert digest_algorithm == "sha256"
            return bytes(72) if dry_run else _der(signer.key.sign(data))

    return CardSigner(
        signing_cert=certificate(signer),
        cert_registry=SimpleCertificateStore(),
        signature_mechanism=SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
    )


def _der(signature: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
