"""Vectors of names: dossier ids and urns, agencies, accounts, logs, status lists, types, numbers of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol.encoding import hex0x
from protocol.entries import origin as origin_text
from protocol.identifiers import CertificateId, agency_urn, checksum_address, dossier_id, dossier_urn
from protocol.status_list import status_uri
from tests.vectors.book import Book, Input
from tests.vectors.judges import texts

REGISTRY, ACCOUNT, SALT = b"\x0a" * 20, b"\x0b" * 20, b"\x0c" * 32
LARGEST = 2**64 - 1
# Reserved or made-up numbers: the check digits are right, the persons and bodies are not there.
CITIZEN = "11010519491231002X"
CREDIT = "91350100M000100Y43"


def text_book(structure: str, about: str, judge: Callable[[Input], Any], good: dict[str, str]) -> Book:
    book = Book(structure, about, judge)
    for name, text in good.items():
        book.accept(name, text=text)
    return book


def refuse(book: Book, code: str, rows: dict[str, Any]) -> Book:
    for name, text in rows.items():
        book.refuse(name, f"malformed:{code}", text=text)
    return book


def dossier() -> Book:
    about = "urn: a dossier's name, said to be opened by owner0 with salt in that registry; the result is its id"
    book = Book("dossier-id", about, texts.dossier)
    place = {"chain_id": 31337, "registry": hex0x(REGISTRY), "owner0": hex0x(ACCOUNT), "salt": hex0x(SALT)}
    urn = dossier_urn(dossier_id(31337, REGISTRY, ACCOUNT, SALT))
    book.accept("on a local chain", **place, urn=urn)
    book.also("on Ethereum", chain_id=1, urn=dossier_urn(dossier_id(1, REGISTRY, ACCOUNT, SALT)))
    false = "untrusted:dossier_id"
    book.refuse("another chain", false, chain_id=1)
    book.refuse("another registry", false, registry=hex0x(ACCOUNT))
    book.refuse("another owner", false, owner0=hex0x(REGISTRY))
    book.refuse("another salt", false, salt=hex0x(bytes(32)))
    book.refuse("another dossier", false, urn=dossier_urn(SALT))
    book.refuse("a registry of 19 bytes", "malformed:length", registry=hex0x(REGISTRY[1:]))
    book.refuse("a registry of 32 bytes", "malformed:length", registry=hex0x(bytes(12) + REGISTRY))
    book.refuse("an owner of 21 bytes", "malformed:length", owner0=hex0x(ACCOUNT + b"\x00"))
    book.refuse("a salt of 31 bytes", "malformed:length", salt=hex0x(SALT[1:]))
    book.refuse("an owner in upper case", "malformed:hex", owner0="0x" + ACCOUNT.hex().upper())
    book.refuse("no urn", "malformed:dossier_urn", urn=hex0x(dossier_id(31337, REGISTRY, ACCOUNT, SALT)))
    return book


def dossiers() -> Book:
    good = dossier_urn(SALT)
    book = text_book(
        "dossier-urn", "text: a dossier's urn; the result is its id", texts.dossier_urn, {"a dossier": good}
    )
    rows = {
        "31 bytes": good[:-2],
        "33 bytes": good + "00",
        "upper-case hex": good[:-1] + "C",
        "0X": good.replace("0x", "0X"),
        "no 0x": good.replace("0x", ""),
        "URN": good.replace("urn", "URN"),
        "another namespace": good.replace("onefile", "other"),
        "an agency": good.replace("dossier", "agency"),
        "a line feed at the end": good + "\n",
        "a space before it": " " + good,
        "a part after it": good + ":1",
        "null": None,
    }
    return refuse(book, "dossier_urn", rows)


def agencies() -> Book:
    good = agency_urn(31337, REGISTRY, ACCOUNT)
    about = "text: an agency's urn; the result is chain id, registry and account"
    most = agency_urn(9_999_999_999_999_999, REGISTRY, ACCOUNT)
    book = text_book("agency-urn", about, texts.agency_urn, {"an agency": good, "the largest chain id": most})
    rows = {
        "chain 0": good.replace("31337", "0"),
        "a leading zero": good.replace("31337", "031337"),
        "a chain id in hex": good.replace("31337", "0x7a69"),
        "a chain id of 17 digits": good.replace("31337", "10000000000000000"),
        "no chain": good.replace("31337:", ""),
        "a checksummed account": good[: -len(ACCOUNT.hex())] + "0B" * 20,
        "an account of 19 bytes": good[:-2],
        "an account of 21 bytes": good + "0b",
        "no account": good.rpartition(":")[0],
        "a dossier": good.replace("agency", "dossier"),
        "a line feed at the end": good + "\n",
        "a full-width digit": good.replace("31337", "３1337"),
    }
    return refuse(book, "agency_urn", rows)


def addresses() -> Book:
    good = checksum_address(bytes.fromhex("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"))
    about = "text: an account as somebody types it; the result is its EIP-55 spelling"
    book = text_book("address", about, texts.address, {"of EIP-55": good, "lower case": good.lower()})
    wrong = {"upper case": "0x" + good[2:].upper(), "one letter of another case": good[:-1] + good[-1].swapcase()}
    refuse(book, "address_checksum", {**wrong, "two digits swapped": good[:4] + good[5] + good[4] + good[6:]})
    rows = {
        "39 digits": good[:-1],
        "41 digits": good + "0",
        "no 0x": good[2:],
        "0X": "0X" + good[2:],
        "a letter beyond f": good[:-1] + "g",
        "a space at the end": good + " ",
        "a line feed at the end": good + "\n",
        "a number": 5,
    }
    return refuse(book, "address", rows)


def citizens() -> Book:
    about = "text: a citizen number (GB 11643)"
    good = {"the example of GB 11643": CITIZEN, "a digit at the end": "440524188001010014"}
    book = text_book("citizen-number", about, texts.citizen_number, good)
    rows = {
        "a wrong check digit": CITIZEN[:-1] + "1",
        "two digits swapped": "11015019491231002X",
        "x in lower case": CITIZEN[:-1] + "x",
        "15 digits": "110105491231002",
        "17 digits": CITIZEN[:-1],
        "19 digits": CITIZEN + "0",
        "a leading zero": "0" + CITIZEN[1:],
        "X in the middle": CITIZEN[:5] + "X" + CITIZEN[6:],
        "month 13": CITIZEN[:10] + "13" + CITIZEN[12:],
        "29 February of a common year": "110105194902290027",
        "day 0": CITIZEN[:12] + "00" + CITIZEN[14:],
        "a space": CITIZEN[:6] + " " + CITIZEN[7:],
        "a full-width digit": "１" + CITIZEN[1:],
        "a number": 110105194912310021,
    }
    return refuse(book, "citizen_number", rows)


def credit_codes() -> Book:
    about = "text: a unified social credit code (GB 32100)"
    good = {"a code": CREDIT, "a code of letters": "11370000MB2849999B"}
    book = text_book("credit-code", about, texts.credit_code, good)
    rows = {
        "a wrong check character": CREDIT[:-1] + "4",
        "two characters swapped": CREDIT[:4] + CREDIT[5] + CREDIT[4] + CREDIT[6:],
        "17 characters": CREDIT[:-1],
        "19 characters": CREDIT + "0",
        "lower case": CREDIT.lower(),
        "an I": CREDIT[:8] + "I" + CREDIT[9:],
        "an O": CREDIT[:9] + "O" + CREDIT[10:],
        "a Z": CREDIT[:9] + "Z" + CREDIT[10:],
        "a letter in the area": CREDIT[:2] + "A" + CREDIT[3:],
        "a hyphen": CREDIT[:8] + "-" + CREDIT[9:],
        "a line feed at the end": CREDIT + "\n",
        "nothing": "",
    }
    return refuse(book, "credit_code", rows)


def certificates() -> Book:
    good = str(CertificateId("11100000000013338W011", "11430000006122244L", "20230000403", "002"))
    about = "text: an electronic certificate's id; the result is its parts"
    one = str(CertificateId("12100000000000001J004", "11370000MB2849999B", "S", "001"))
    book = text_book("certificate-id", about, texts.certificate_id, {"a certificate": good, "a serial of one": one})
    stem, check = good[:-2], good[-1]
    rows = {
        "a wrong check character": stem + "." + ("A" if check != "A" else "B"),
        "another version": good.replace(".002.", ".003."),
        "another serial": good.replace("403", "404"),
        "another root": good.replace("3005", "3006"),
        "a type of 20": good.replace("11100000000013338W011", "11100000000013338W01"),
        "an issuer of 17": good.replace("11430000006122244L", "1430000006122244L"),
        "no serial": good.replace("20230000403", ""),
        "a serial of 65": good.replace("20230000403", "2" * 65),
        "a version of two digits": good.replace(".002.", ".02."),
        "lower case": good.lower(),
        "no check character": stem,
        "a space at the end": good + " ",
    }
    return refuse(book, "certificate_id", rows)


def origins() -> Book:
    good = origin_text(31337, ACCOUNT, "main")
    about = "text: a log's origin; the result is its parts, keccak-256, and the 8 bytes of it in show codes"
    least = origin_text(1, ACCOUNT, "-")
    most = origin_text(LARGEST, ACCOUNT, "a" * 31)
    book = text_book("origin", about, texts.origin, {"a log": good, "a hyphen": least, "the largest": most})
    rows = {
        "no name": good[:-4],
        "a name of 32": good.replace("main", "a" * 32),
        "a name in upper case": good.replace("main", "Main"),
        "an underscore": good.replace("main", "ma_n"),
        "a part after the name": good + "/side",
        "chain 0": good.replace("31337", "0"),
        "a leading zero": good.replace("31337", "031337"),
        "a chain id of 65 bits": good.replace("31337", str(LARGEST + 1)),
        "a checksummed address": good.replace(ACCOUNT.hex(), "0B" * 20),
        "no 0x": good.replace("0x", ""),
        "another scheme": good.replace("onefile", "https:/"),
        "a line feed at the end": good + "\n",
        "null": None,
    }
    return refuse(book, "origin", rows)


def status_uris() -> Book:
    good = status_uri(ACCOUNT, 17)
    about = "text: a status list's uri; the result is account and number"
    most = status_uri(ACCOUNT, 999_999_999)
    rows = {"list 17": good, "list 0": status_uri(ACCOUNT, 0), "the last number": most}
    book = text_book("status-uri", about, texts.status_uri, rows)
    refuse(book, "field_type", {"a number": 17})
    wrong = {
        "no number": good[:-3],
        "a leading zero": good[:-2] + "017",
        "a number of ten digits": good[:-2] + "1000000000",
        "a negative number": good[:-2] + "-17",
        "a checksummed account": good.replace(ACCOUNT.hex(), "0B" * 20),
        "an account of 19 bytes": good.replace(ACCOUNT.hex(), "0b" * 19),
        "a URL": "https://status.example/0b/17",
        "another kind": good.replace("status", "scenario"),
        "a query": good + "?t=1",
        "a line feed at the end": good + "\n",
        "a full-width digit": good.replace("17", "１7"),
    }
    return refuse(book, "field_form", wrong)


def types() -> Book:
    good = "urn:onefile:licence:social-insurance-proof:1"
    about = "text: a licence type's vct; the result is type, version, and how AgencyRegistry names the type"
    longest = f"urn:onefile:licence:{'a' * 64}:999999"
    rows = {"a type": good, "one letter": "urn:onefile:licence:a:1", "the longest": longest}
    book = text_book("vct", about, texts.vct, rows)
    refuse(book, "field_type", {"null": None})
    wrong = {
        "no version": good[:-2],
        "version 0": good[:-1] + "0",
        "a leading zero": good[:-1] + "01",
        "a version of seven digits": good[:-1] + "1000000",
        "upper case": good.replace("proof", "Proof"),
        "an underscore": good.replace("-", "_"),
        "a hyphen at the end": good.replace("proof", "proof-"),
        "a hyphen at the beginning": good.replace("social", "-social"),
        "a name of 65": good.replace("social-insurance-proof", "a" * 65),
        "a URL": "https://licence.example/social-insurance-proof/1",
        "a line feed at the end": good + "\n",
    }
    return refuse(book, "field_form", wrong)


def books() -> list[Book]:
    """All of this module."""
    made = (dossier, dossiers, agencies, addresses, citizens, credit_codes, certificates, origins, status_uris, types)
    return [make() for make in made]
