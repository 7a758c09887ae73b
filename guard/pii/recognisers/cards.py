"""Payment cards and bank accounts."""

import re

from guard.pii.entities import Entity
from guard.pii.recognisers import checksums
from guard.pii.recognisers.patterned import LIKELY, SURE, SUSPECTED, Pattern, Patterned, digits, holds, words

_CARD_WORDS = words(
    "card", "cc", "visa", "mastercard", "amex", "credit", "debit", "tarjeta", "carte", "karte", "carta", "cartão"
)
_BANK_WORDS = words(
    "account",
    "acct",
    "a/c",
    "iban",
    "bic",
    "swift",
    "routing",
    "aba",
    "sort code",
    "konto",
    "cuenta",
    "compte",
    "conto",
    "rekening",
)
_ISSUED = re.compile(r"(?:3[0-9]|4[0-9]|5[0-9]|6[0-9]|2[2-7]|1800|2131)")


def _card(digits: str) -> bool:
    return 12 <= len(digits) <= 19 and len(set(digits)) > 1 and checksums.luhn(digits)


def _issued_card(digits: str) -> bool:
    return bool(_ISSUED.match(digits)) and _card(digits)


def _iban(signs: str) -> bool:
    return 15 <= len(signs) <= 34 and checksums.iban(signs)


def _routing(digits: str) -> bool:
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1) * 3, strict=True))
    return digits != "000000000" and weighted % 10 == 0


_DIGITS = r"(?<![\w.])(?<!\d[-.,])\d(?:[ \u00a0.\-]?\d){11,18}(?![\w]|[-.]\d)"


def cards() -> Patterned:
    return Patterned(
        "cards",
        (
            Pattern(
                Entity.CARD,
                re.compile(_DIGITS),
                LIKELY,
                check=_issued_card,
                context=_CARD_WORDS,
                needs=digits(12),
            ),
            Pattern(
                Entity.CARD,
                re.compile(_DIGITS),
                SUSPECTED,
                check=_card,
                context=_CARD_WORDS,
                beside=LIKELY,
                needs=digits(12),
            ),
            Pattern(
                Entity.CARD,
                re.compile(
                    r"(?i)\b(?:card|visa|mastercard|amex|tarjeta|carte|karte|carta|"
                    r"cartão)\b[^\d\n]{0,40}(?P<n>\d(?:[ \-]?\d){12,18})(?!\d)"
                ),
                LIKELY,
                "n",
                needs=holds("card", "visa", "amex", "tarjeta", "carte", "karte", "carta", "cartão"),
            ),
            Pattern(
                Entity.CARD,
                re.compile(r"(?i)\b(?:cvv2?|cvc2?|security code)\b[^\d\n]{0,12}(?P<n>\d{3,4})(?!\d)"),
                SURE,
                "n",
                needs=holds("cvv", "cvc", "security code"),
            ),
        ),
    )


def accounts() -> Patterned:
    iban = r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ \-]?[A-Za-z0-9]{4}){2,7}(?:[ \-]?[A-Za-z0-9]{1,4})?(?!\w)"
    return Patterned(
        "accounts",
        (
            Pattern(Entity.BANK_ACCOUNT, re.compile(iban), SURE, check=_iban, needs=digits(2)),
            Pattern(
                Entity.BANK_ACCOUNT,
                re.compile(r"(?i)\biban\b[^\w\n]{0,6}(?P<n>[a-z]{2}\d{2}(?:[ \-]?[a-z0-9]){11,30})(?!\w)"),
                LIKELY,
                "n",
                needs=holds("iban"),
            ),
            Pattern(
                Entity.BANK_ACCOUNT,
                re.compile(
                    r"(?i)\b(?:bank account|account|acct|a/c|konto|cuenta|compte|conto|"
                    r"rekening)\b[^\d\n]{0,25}(?P<n>\d(?:[ \-]?\d){6,16})(?!\d)"
                ),
                LIKELY,
                "n",
                needs=holds("account", "acct", "a/c", "konto", "cuenta", "compte", "conto", "rekening"),
            ),
            Pattern(
                Entity.BANK_ACCOUNT,
                re.compile(r"(?<![\w.-])\d{9}(?![\w-])"),
                SUSPECTED,
                check=_routing,
                context=_BANK_WORDS,
                needs=digits(9),
            ),
            Pattern(
                Entity.BANK_ACCOUNT,
                re.compile(r"(?i)\bsort code\b[^\d\n]{0,12}(?P<n>\d{2}[- ]?\d{2}[- ]?\d{2})"),
                SURE,
                "n",
                needs=holds("sort code"),
            ),
        ),
    )
