"""Identity, tax, health and social security numbers. What has a check digit must pass it.

A number with a weak shape (nine or ten bare digits, one check digit) counts in balanced mode only beside its words.
"""

import re
from collections.abc import Callable

from guard.pii.entities import Entity
from guard.pii.recognisers import checksums
from guard.pii.recognisers.patterned import LIKELY, SURE, SUSPECTED, Pattern, Patterned, digits, holds, words

_N = Entity.NATIONAL_ID
_SSN = words("ssn", "social", "social security", "tax id", "tin", "itin")
_NHS = words("nhs", "health", "patient")
_STEUER = words("steuer", "steuer-id", "steuernummer", "idnr", "steuerliche", "steueridentifikationsnummer", "tax")
_PESEL = words("pesel", "polish", "id")
_BSN = words("bsn", "burgerservicenummer", "sofinummer", "sofi", "dutch")
_NIF = words("nif", "contribuinte", "fiscal", "número de contribuinte")
_CA = words("sin", "social insurance", "canadian")
_CPF = words("cpf", "cadastro")
_AU = words("tfn", "tax file number", "tax file no")
_DK = words("cpr", "cpr-nr", "cpr-nummer", "personnummer", "danish")
_IN = words("aadhaar", "aadhar", "uidai")
_NO = words("fødselsnummer", "fodselsnummer", "fnr", "personnummer", "norwegian", "d-nummer")
_SE = words("personnummer", "personal", "swedish", "samordningsnummer")


def _bare(count: int) -> str:
    return rf"(?<![\w.-])\d{{{count}}}(?![\w-]|\.\d)"


def _number(
    shape: str,
    count: int,
    score: float,
    check: Callable[[str], bool] | None = None,
    context: re.Pattern[str] | None = None,
) -> Pattern:
    """A shape with at least `count` digits; `context` are the words beside which it is sure."""
    return Pattern(_N, re.compile(shape), score, check=check, context=context, needs=digits(count))


def national() -> Patterned:
    return Patterned("national", (*_anglophone(), *_romance(), *_germanic(), *_nordic(), *_indian(), *_named()))


def _anglophone() -> tuple[Pattern, ...]:
    return (
        _number(r"(?<![\w-])\d{3}([- ])\d{2}\1\d{4}(?![\w-])", 9, SURE, checksums.ssn),
        _number(r"(?<![\w-])\d{3}[-. /]?\d{2}[-. /]?\d{4}(?![\w-])", 9, SUSPECTED, checksums.ssn, context=_SSN),
        _number(r"(?<![\w-])9\d{2}-[5-9]\d-\d{4}(?![\w-])", 9, SURE),
        _number(r"(?i)(?<!\w)[a-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[a-d](?!\w)", 6, SURE, checksums.nino),
        _number(r"(?<![\w-])\d{3}([ -])\d{3}\1\d{4}(?![\w-])", 10, SUSPECTED, checksums.nhs, context=_NHS),
        _number(_bare(10), 10, SUSPECTED, checksums.nhs, context=_NHS),
        _number(r"(?<![\w-])\d{3}([ -])\d{3}\1\d{3}(?![\w-])", 9, SUSPECTED, checksums.luhn, context=_CA),
    )


def _romance() -> tuple[Pattern, ...]:
    nir = r"(?i)(?<![\w-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[ab]) ?\d{3} ?\d{3} ?\d{2}(?![\w-])"
    cf = r"(?i)(?<!\w)[a-z]{6}[\dlmnpqrstuv]{2}[abcdehlmprst][\dlmnpqrstuv]{2}[a-z][\dlmnpqrstuv]{3}[a-z](?!\w)"
    return (
        _number(r"(?i)(?<![\w-])\d{8}[- ]?[a-z](?![\w-])", 8, SURE, checksums.dni),
        _number(r"(?i)(?<![\w-])[xyz][- ]?\d{7}[- ]?[a-z](?![\w-])", 7, SURE, checksums.dni),
        _number(nir, 8, SURE, checksums.nir),
        Pattern(_N, re.compile(cf), SURE, check=checksums.codice_fiscale),
        _number(r"(?<![\w.-])\d{3} ?\d{3} ?\d{3}(?![\w-])", 9, SUSPECTED, checksums.nif_pt, context=_NIF),
        _number(r"(?<![\w-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])", 11, SURE, checksums.cpf),
        _number(_bare(11), 11, SUSPECTED, checksums.cpf, context=_CPF),
    )


def _germanic() -> tuple[Pattern, ...]:
    belgian = r"(?<![\w-])\d{2}[. ]?\d{2}[. ]?\d{2}[-. ]?\d{3}[-. ]?\d{2}(?![\w-])"
    steuer = r"(?<![\w-])\d{2} ?\d{3} ?\d{3} ?\d{3}(?![\w-])"
    return (
        _number(steuer, 11, LIKELY, checksums.steuer_id, context=_STEUER),
        _number(_bare(11), 11, LIKELY, checksums.pesel, context=_PESEL),
        _number(r"(?<![\w-])\d{4}[. ]?\d{2}[. ]?\d{3}(?![\w-])", 9, SUSPECTED, checksums.bsn, context=_BSN),
        _number(belgian, 11, LIKELY, checksums.national_number_be),
        _number(r"(?<![\w-])756\.?\d{4}\.?\d{4}\.?\d{2}(?![\w-])", 13, SURE, checksums.ahv),
        _number(r"(?<![\w-])(?:19|20)?\d{6}[-+]\d{4}(?![\w-])", 10, LIKELY, checksums.personnummer, context=_SE),
    )


def _nordic() -> tuple[Pattern, ...]:
    hetu = r"(?i)(?<![\w-])\d{6}[-+a-fu-y]\d{3}[0-9a-y](?![\w-])"
    return (
        _number(hetu, 6, SURE, checksums.hetu),
        _number(r"(?<![\w-])\d{6}-\d{4}(?![\w-])", 10, SUSPECTED, checksums.cpr, context=_DK),
        _number(r"(?<![\w.-])\d{6} ?\d{5}(?![\w-])", 11, LIKELY, checksums.fodselsnummer, context=_NO),
    )


def _indian() -> tuple[Pattern, ...]:
    """India's and Australia's: checked, and in balanced mode only beside their words."""
    spaced = r"(?<![\w-])[2-9]\d{3}([ -]?)\d{4}\1\d{4}(?![\w-]|[ -]\d)"
    return (
        _number(spaced, 12, SUSPECTED, checksums.aadhaar, context=_IN),
        _number(r"(?<![\w.-])\d{3} ?\d{3} ?\d{3}(?![\w-])", 9, SUSPECTED, checksums.tfn, context=_AU),
    )


_passport = holds("passp", "passeport", "reisepass", "pasaporte", "passaport", "paspoort")
_licence = holds("licen", "permis", "führerschein", "patente", "carnet", "rijbewijs")
_identity = holds(
    *("ssn", "social security", "tax id", "national id", "identity card", "nino", "national insurance", "nhs"),
    *("medicare", "aadhaar", "pesel", "dni", "nie", "cpf", "bsn"),
)


def _named() -> tuple[Pattern, ...]:
    """Numbers whose shape says nothing: only their name does. Driver licences never count without it."""
    number = r"(?:number|no\.?|nr\.?|num\.?|#|id)?[^\w\n]{0,3}(?:is|was|:|=)?[^\w\n]{0,3}"
    value = r"(?P<n>(?=[A-Za-z\-]{0,4}\d)[A-Za-z0-9](?:[ \-]?\d|[A-Za-z]){4,17})(?!\w)"  # a digit comes soon
    licence = (
        r"(?:driver'?s?|driving)[ -]licen[cs]e|permis de conduire|führerschein\w{0,8}|patente di guida|"
        r"carnet de conducir|rijbewijs"
    )
    passport = r"passport|passeport|reisepass\w{0,8}|pasaporte|passaporto|passaporte|paspoort"
    identity = (
        r"ssn|social security|tax id|national id|identity card|nino|national insurance|nhs|medicare|aadhaar|pesel|"
        r"dni|nie|cpf|bsn"
    )
    return (
        Pattern(
            Entity.PASSPORT,
            re.compile(rf"(?i)\b(?:{passport})\b[^\w\n]{{0,3}}{number}{value}"),
            SURE,
            "n",
            needs=_passport,
        ),
        Pattern(
            Entity.DRIVER_LICENCE,
            re.compile(rf"(?i)\b(?:{licence})\b[^\w\n]{{0,3}}{number}{value}"),
            SURE,
            "n",
            needs=_licence,
        ),
        Pattern(_N, re.compile(rf"(?i)\b(?:{identity})\b[^\w\n]{{0,3}}{number}{value}"), LIKELY, "n", needs=_identity),
    )
