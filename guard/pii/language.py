"""Which language a text is in, or that it is none we read: then the memory is held, because nobody vouches for it.

lingua in its low-accuracy mode (64 MB and 0.5 ms a text, against 900 MB in the other), over the languages we read and
those most likely to be mistaken for them.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module

from lingua import IsoCode639_1, Language, LanguageDetector, LanguageDetectorBuilder

READ = ("en", "fr", "de", "es", "it", "pt", "nl")
_SHORT = 20  # letters; below, the tenant's default language is taken
_FOREIGN_SCRIPT = 0.3  # share of letters outside the Latin script
_TRUST = 0.2  # what the languages we read must have together, of lingua's confidence
# Names and places tell nothing of the language around them: only words that begin small are looked at (held of English
# sentences with Nordic and Slavic names: 14.5 % with them, 0.6 % without). What is doubtful still, small words tell.
_SMALL_WORDS, _FEWEST, _HINT = 0.2, 2, 0.02
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def language_of(text: str, default: str) -> str | None:
    """The ISO 639-1 code of a language we read; `default` for a text too short to tell; None for any other language."""
    letters = [sign for sign in text if sign.isalpha()]
    if sum(_is_latin(sign) for sign in letters) < (1 - _FOREIGN_SCRIPT) * len(letters):
        return None
    words = _prose(text)
    if len(letters) < _SHORT or sum(map(len, words)) < _SHORT:
        return _of_a_label(text, letters, default)
    read, share = _confidence(" ".join(words)), _shares(words)
    best = max(read, key=lambda code: read[code] + 2 * share[code])
    known = sum(read.values()) >= _TRUST
    told = sum(read.values()) >= _HINT and share[best] >= max(_SMALL_WORDS, _FEWEST / len(words))
    return best if known or told else None


def _of_a_label(text: str, letters: list[str], default: str) -> str:
    """Names, an address, a heading: a language that is plain nevertheless, else the tenant's."""
    read = _confidence(text) if len(letters) >= 2 * _SHORT else {}
    best = max(read, key=lambda code: read[code], default=default)
    return best if read.get(best, 0) >= 0.5 else default


def _confidence(text: str) -> dict[str, float]:
    """lingua's confidence in each language we read."""
    values = _detector().compute_language_confidence_values(text)
    return {value.language.iso_code_639_1.name.lower(): value.value for value in values if value.language in _read()}


def _prose(text: str) -> list[str]:
    """The words that begin small; where the text is all capitals, every word, made small."""
    words = _WORD.findall(text)
    shouted = sum(word.isupper() for word in words) > 0.7 * len(words)
    return [word.lower() for word in words] if shouted else [word for word in words if word[0].islower()]


def _shares(words: list[str]) -> dict[str, float]:
    """The share of each language's small words among the words."""
    return {code: sum(word in small for word in words) / len(words) for code, small in _small_words().items()}


@cache
def _small_words() -> dict[str, frozenset[str]]:
    modules = {code: import_module(f"spacy.lang.{code}.stop_words") for code in READ}
    return {code: frozenset(module.STOP_WORDS) for code, module in modules.items()}


def _is_latin(sign: str) -> bool:
    return sign < "\u0250" or "\u1e00" <= sign <= "\u1eff"


@cache
def _read() -> frozenset[Language]:
    return frozenset(Language.from_iso_code_639_1(getattr(IsoCode639_1, code.upper())) for code in READ)


@cache
def _detector() -> LanguageDetector:
    latin = [language for language in Language.all_with_latin_script() if language.name not in _NEVER]
    return (
        LanguageDetectorBuilder.from_languages(*latin).with_low_accuracy_mode().with_preloaded_language_models().build()
    )


# Rarely written, and near enough to what we read to cost short texts.
_NEVER = frozenset(
    {"LATIN", "ESPERANTO", "GANDA", "MAORI", "SHONA", "SOTHO", "TSONGA", "TSWANA", "XHOSA", "YORUBA", "ZULU"}
)
