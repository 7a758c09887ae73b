"""E-mail, phones, network addresses, handles and links."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

import phonenumbers
import tldextract
from presidio_analyzer import EntityRecognizer, RecognizerResult

from guard.pii.entities import Entity
from guard.pii.recognisers.patterned import (
    LANGUAGE,
    LIKELY,
    SURE,
    SUSPECTED,
    Pattern,
    Patterned,
    holds,
    result,
    words,
)

_PHONE_WORDS = words(
    "phone|tel|telephone|mobile|cell|cellphone|call|calls|fax|whatsapp|sms|text|number|"
    "reach|dial|desk|office|ring|handy|telefon|teléfono|telefono|móvil|movil|telefone|"
    "celular|téléphone|portable|numéro|cellulare|mobiel|telefoon|anrufen|nummer|llamar|appeler"
)
_CANDIDATE = re.compile(
    r"(?<![\w.,/$€£#-])(?:\+|00 ?)?\(?\d(?:[ \u00a0\u2009().\-/\u2010-\u2013]{0,3}\d){6,16}"
    r"(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?(?![\w]|[.,/:\-]\d)",
    re.IGNORECASE,
)
# Dates, times, ranges of years, decimals and versions are no phone numbers, in any mode.
_NOT_A_PHONE = re.compile(
    r"\d{4}-[01]\d-[0-3]\d(?:[ T]\d.*)?$|(?:19|2[01])\d\d[-/. ](?:0?[1-9]|1[0-2])[-/. ][0-3]?\d(?:[ T]\d.*)?$"
    r"|[0-3]?\d[-/. ][0-3]?\d[-/. ](?:19|2[01])?\d\d(?:\s\d.*)?$"
    r"|(?:1[5-9]|2[01])\d\d ?[-–/] ?(?:1[5-9]|2[01])\d\d$|\d+\.\d+$"
)
_REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "PT", "BR")
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_SPELT_EMAIL = re.compile(
    r"(?i)(?<![\w.])[\w.+-]{1,64}\s?(?:\(at\)|\[at\]|\sat\s)\s?[\w-]{1,63}\s?(?:\(dot\)|\[dot\]|"
    r"\sdot\s)\s?[a-z]{2,24}(?!\w)"
)
_IP4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")
_URL = re.compile(r"(?i)(?<![\w@])(?:https?://|ftp://|www\.)[^\s<>\"']{3,2000}[^\s<>\"'.,;:!?)\]}]")
_PROFILE = re.compile(
    r"(?i)(?:https?://)?(?:www\.)?(?:twitter|x|facebook|instagram|github|tiktok|t|linkedin|medium|keybase|"
    r"reddit)\.(?:com|me|io)/(?:in/|u/|user/|@)?[\w.\-]{2,60}"
)
_DOMAIN = re.compile(
    r"(?<![\w@./-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,4}[A-Za-z]{2,24}(?![\w@]|\.\w)"
)
_HANDLE = re.compile(r"(?<![\w@./])@[A-Za-z_][\w]{1,29}(?![\w@])")


def contact() -> Patterned:
    return Patterned(
        "contact",
        (
            Pattern(Entity.EMAIL, _EMAIL, SURE, needs=holds("@")),
            Pattern(Entity.EMAIL, _SPELT_EMAIL, LIKELY, needs=holds("dot")),
            Pattern(Entity.HANDLE, _HANDLE, LIKELY, needs=holds("@")),
            Pattern(Entity.URL, _PROFILE, LIKELY, needs=holds(".com/", ".me/", ".io/")),
            Pattern(Entity.URL, _URL, SUSPECTED, needs=holds("://", "www.")),
        ),
    )


class Network(EntityRecognizer):  # type: ignore[misc]
    """IPv4 and IPv6 addresses that parse; the unspecified and loopback ones name nobody."""

    def __init__(self) -> None:
        super().__init__(supported_entities=[Entity.IP_ADDRESS.value], name="network", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        found = [match for regex in (_IP4, _IP6) for match in regex.finditer(text) if _names_a_host(match[0])]
        return [result(Entity.IP_ADDRESS, match.start(), match.end(), SURE) for match in found]


def _names_a_host(value: str) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)


class Domains(EntityRecognizer):  # type: ignore[misc]
    """Bare domain names under a public suffix, by the list that tldextract carries: nothing is fetched."""

    def __init__(self) -> None:
        super().__init__(supported_entities=[Entity.URL.value], name="domains", supported_language=LANGUAGE)

    def load(self) -> None:
        self._extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        found = [match for match in _DOMAIN.finditer(text) if self._is_public(match[0])]
        return [result(Entity.URL, match.start(), match.end(), SUSPECTED) for match in found]

    def _is_public(self, name: str) -> bool:
        parts = self._extract(name)
        return bool(parts.suffix and parts.domain)


class Phones(EntityRecognizer):  # type: ignore[misc]
    """Telephone numbers by `phonenumbers`: international ones anywhere, national ones by shape, region or context."""

    def __init__(self) -> None:
        super().__init__(supported_entities=[Entity.PHONE.value], name="phones", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        return list(_phones(text))


def _phones(text: str) -> Iterator[RecognizerResult]:
    for match in _CANDIDATE.finditer(text):
        digits = sum(sign.isdigit() for sign in match[0])
        if 7 <= digits <= 23 and not _NOT_A_PHONE.match(match[0].strip("(")):
            yield result(Entity.PHONE, match.start(), match.end(), _phone_score(text, match))


def _phone_score(text: str, match: re.Match[str]) -> float:
    value = match[0]
    if value.startswith("+"):
        return SURE if _possible(value, None) else LIKELY
    if _PHONE_WORDS.search(text, max(0, match.start() - 60), min(len(text), match.end() + 12)):
        return SURE
    grouped = any(sign in " ().-/" for sign in value)
    return LIKELY if grouped and any(_possible(value, region) for region in _REGIONS) else SUSPECTED


def _possible(value: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(value, region))
    except phonenumbers.NumberParseException:
        return False
