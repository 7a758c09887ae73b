"""Terms and typed values: the parts of a sentence that a claim can be right or wrong about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files

from guard.types import TypedValue, ValueKind
from guard.vocabulary import MONTHS, NUMBER_WORDS, STOP

_WORD = re.compile(r"[^\W\d_][\w'-]*|<[A-Z_]+[_:]\w+>")
_TOKEN = re.compile(r"<([A-Z][A-Z_]*)[_:]\w+>")
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"  # noqa: E501
_DATE = re.compile(
    rf"\b(?:(?P<iso>\d{{4}}-\d{{1,2}}(?:-\d{{1,2}})?)|(?P<num>\d{{1,2}}/\d{{1,2}}/\d{{2,4}}|\d{{1,2}}/\d{{4}})"
    rf"|(?P<dmy>\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}\.?(?:,?\s+\d{{4}})?)|(?P<mdy>{_MONTH}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?)"
    rf"|(?P<my>{_MONTH}\.?,?\s+\d{{4}})|(?P<year>(?:1[0-9]|2[01])\d\d)s?)\b",
    re.IGNORECASE,
)
_NUM = re.compile(
    r"(?<![\w-])(?P<cur>[$€£]\s?)?(?P<num>\d[\d,]*(?:\.\d+)?|(?:"
    + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
    + r")(?:[\s-](?P<ones>one|two|three|four|five|six|seven|eight|nine))?(?![^\W\d_]))(?P<ord>st|nd|rd|th)?"
    r"(?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion|[kK](?![^\W\d_])))?(?:[\s-]?(?P<unit>%|[^\W\d_]+))?",
    re.IGNORECASE,
)
_CAP = r"(?:(?:[A-Z]|Mrs?|Ms|Dr|St|Jr|Sr|Mt)\.|[A-ZÀ-ÞŁŠŽ][\w'’&-]*)"
_ENTITY = re.compile(rf"{_CAP}(?:(?:\s+(?:of|the|de|la|le|del|van|von|der|di|da|and|&|in|for|to)){{0,2}}\s+{_CAP})*")
_QUOTED = re.compile(r"[\"“”]([^\"“”\n]{2,80})[\"“”]|(?<!\w)['‘]([^'‘’\n]{4,60})['’](?!\w)")
_SCALES = {
    "hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
# "in Roman times", "a Spanish tenor": a word made from a name that qualifies another is no answer by itself.
_ADJECTIVE = re.compile(
    r"(?<=[A-Za-z] )[A-Z]\w+(?:ian|ean|can|ish|ese|man|jan|ench|utch|elsh|reek|ric|tic|lic|ban|aqi|eli|ani)"
    r"(?= (?P<noun>[a-z]{3,}))"
)
_ERAS = frozenset({"ad", "bc", "ce", "bce", "am", "pm"})
_GERUND = re.compile(r"^[A-Z][a-z]+ing$")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n\"“]\s*)$")
_CONTRAST = re.compile(
    r"\b(?:(?:is|was|are|were|does|did|do|has|had|have|it's)?\s*(?:not(?! (?:only|until|just))|never)|(?:is|was|are|were|does|did|do)n't(?! (?:only|until|just))|instead of|rather than|unlike|contrary to|in contrast to|as opposed to|"  # noqa: E501
    r"different from|despite|neither|no longer|(?:commonly|frequently|often|widely|typically|usually|mistakenly|wrongly) (?:\w+ )?(?:believed|assumed|thought|misattributed|mistaken))\b(?:(?!\bbut\b)[^.,;:!?])*",  # noqa: E501
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?:https?://|www\.|@)\S+|\b(?:RT|AM|PM)\b|\d{1,2}:\d\d")
_DATE_TOKENS = frozenset({"DATE", "DATE_TIME", "DATE_OF_BIRTH", "DOB", "TIME"})
_NUM_TOKENS = frozenset(
    {"AGE", "AMOUNT", "MONEY", "PHONE", "PHONE_NUMBER", "CREDIT_CARD", "IBAN", "IBAN_CODE", "US_SSN", "SSN", "NUMBER"}
)


def terms(text: str) -> tuple[str, ...]:
    """Content words, lower-cased, lightly stemmed, each once, in order."""
    return tuple(
        dict.fromkeys(stem(word) for word in _WORD.findall(text) if len(word) > 1 and word.lower() not in STOP)
    )


_LEAST = {"s": 3, "ies": 3, "ied": 3}
"""How many letters must be left of a word when an ending is taken off."""


@lru_cache(maxsize=16384)
def stem(word: str) -> str:
    """One form for "place", "places", "placed" and "placing". Stemming twice changes nothing."""
    if word.startswith("<"):
        return word
    low = word.lower().removesuffix("'s").removesuffix("’s").strip("'-")
    for ending in ("ingly", "edly", "ing", "ies", "ied", "ed", "es", "s", "ly"):
        if low.endswith(ending) and len(low) - len(ending) >= _LEAST.get(ending, 4) and not low.endswith("ss"):
            low = low[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
            break
    if len(low) > 4 and low[-1] == low[-2] and low[-1] not in "aeiols":
        return low[:-1]
    return low[:-1] if len(low) > 4 and low.endswith("e") and low[-2] not in "eo" else low


def asserted(text: str) -> str:
    """The text without what it names only to deny or to set apart: "not Vienna", "contrary to the belief that …"."""
    kept = _CONTRAST.sub(" ", text)
    return kept if _WORD.search(kept) else text


_DENIAL = re.compile(
    r"\b(?:not(?! (?:only|until|just))|never|neither|nor|no|none|cannot|without|lacks?|\w+n['’]t)\b"
    r"((?:(?!\bbut\b)[^.,;:!?\n])*)",
    re.IGNORECASE,
)
_APART = re.compile(
    r"\b(?:neither|however|whereas|conversely|contrarily|while|unlike|contrast|different|differs?|differing|separate|alternatively|only one|respectively|instead|but)\b",  # noqa: E501
    re.IGNORECASE,
)


def denied(text: str) -> tuple[str, ...]:
    """Stems of what the text denies, from the word that denies to the end of its clause; each once, at most 24."""
    found = (term for match in _DENIAL.finditer(text) for term in terms(match[1])[:8])
    return tuple(dict.fromkeys(found))[:24]


def sets_apart(text: str) -> bool:
    """Whether the text tells two things apart ("the one … whereas the other …")."""
    return bool(_APART.search(text))


def typed_values(text: str) -> tuple[TypedValue, ...]:
    """Dates, numbers with their units, names and titles; every value once, in the order of its kind."""
    found = [*_tokens(text)]
    rest = _ADDRESS.sub(" ", _TOKEN.sub(" ", text))
    dates = [(match.span(), _date(match)) for match in _DATE.finditer(rest)]
    found += [TypedValue(ValueKind.DATE, date) for _, date in dates]
    for (start, end), _ in dates:
        rest = rest[:start] + "#" * (end - start) + rest[end:]
    found += [*_numbers(rest), *_entities(rest)]
    return tuple(dict.fromkeys(found))


def _tokens(text: str) -> Iterator[TypedValue]:
    for match in _TOKEN.finditer(text):
        kind = (
            ValueKind.DATE
            if match[1] in _DATE_TOKENS
            else ValueKind.NUM
            if match[1] in _NUM_TOKENS
            else ValueKind.ENTITY
        )
        yield TypedValue(kind, match[0])


def _date(match: re.Match[str]) -> str:
    """`2012-04-02`, `2012-04`, `2012` or `--04-02`: as much as the text says."""
    if match["iso"] or match["year"]:
        return (match["iso"] or match["year"]).removesuffix("s")
    if match["num"]:
        return match["num"]
    words = match.group().lower().replace(",", " ").replace(".", " ").split()
    year = next((word for word in words if len(word) == 4 and word.isdigit()), "-")
    month = next(MONTHS[word[:3]] for word in words if word[:3] in MONTHS)
    day = next((re.sub(r"\D", "", word) for word in words if word[0].isdigit() and word != year), "")
    return f"{year}-{month:02d}" + (f"-{int(day):02d}" if day else "")


def _numbers(text: str) -> Iterator[TypedValue]:
    for match in _NUM.finditer(text):
        number = _number(match)
        word = (match["unit"] or "").lower()
        if number == "1" and not match["num"].isdigit():
            continue
        unit = "$" if match["cur"] else "#" if match["ord"] else stem(word) if word and word not in STOP else ""
        yield TypedValue(ValueKind.NUM, f"{number} {unit}".strip())


def _number(match: re.Match[str]) -> str:
    """`2,000`, `two thousand` and `2k` are one number; a scale makes whole numbers only where it can."""
    base, _, ones = re.sub(r"[\s-]+", " ", match["num"].lower().strip()).partition(" ")
    plain = NUMBER_WORDS.get(base, base.replace(",", ""))
    value = float(plain) + (int(NUMBER_WORDS[ones]) if ones else 0)
    value *= _SCALES.get((match["scale"] or "").lower(), 1)
    return str(int(value)) if value.is_integer() else f"{value:.6g}"


def _entities(text: str) -> Iterator[TypedValue]:
    for match in _QUOTED.finditer(text):
        yield TypedValue(ValueKind.ENTITY, _name((match[1] or match[2]).strip()))
    qualifying = {match.start("noun") - 1 for match in _ADJECTIVE.finditer(text) if match["noun"] not in STOP}
    for match in _ENTITY.finditer(text):
        name = _name(_unstart(match.group(), text[max(0, match.start() - 3) : match.start()]))
        if len(name) > 1 and name not in STOP and name not in _ERAS:
            alone = match.end() in qualifying and " " not in name
            yield TypedValue(ValueKind.WORD if alone else ValueKind.ENTITY, name)


def _unstart(name: str, before: str) -> str:
    """A sentence's first word is capitalised whatever it is: drop it when it is a function word, a participle before a
    name, or stands alone and is an everyday word.
    """
    first, _, rest = name.partition(" ")
    if first.lower() in STOP:
        return rest if rest[:1].isupper() else rest.partition(" ")[2]
    if not _SENTENCE_START.search(before):
        return name
    if rest and rest[:1].isupper() and _GERUND.match(first) and stem(first) in common_words():
        return rest
    return "" if not rest and not first.isupper() and not _uncommon(first) else name


def _uncommon(word: str) -> bool:
    return stem(word) not in common_words() and not word.endswith(("ly", "ing", "ed"))


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Stems so frequent in everyday English that sharing them means nothing."""
    listed = files("guard.coefficients").joinpath("common_words.txt").read_text().split()
    return frozenset(map(stem, listed))


def _name(text: str) -> str:
    return re.sub(r"['’]s\b|[.,!?;:'’]+(?=\s|$)", "", text).strip(" .,!?'\"-").lower()
