"""Which language a text is in, or that it is none we read: then the memory is held, because nobody vouches for it.

lingua in its low-accuracy mode (64 MB and 0.5 ms a text, against 900 MB in the other), over the languages we read and
those most likely to be mistaken for them.
"""

from __future__ import annotations

from functools import cache

from lingua import IsoCode639_1, Language, LanguageDetector, LanguageDetectorBuilder

READ = ("en", "fr", "de", "es", "it", "pt", "nl")
_SHORT = 20  # letters; below, the tenant's default language is taken
_FOREIGN_SCRIPT = 0.3  # share of letters outside the Latin script
_TRUST = 0.2  # what the languages we read must have together


def language_of(text: str, default: str) -> str | None:
    """The ISO 639-1 code of a language we read; `default` for a text too short to tell; None when it is none of them."""
    letters = [sign for sign in text if sign.isalpha()]
    if sum(_is_latin(sign) for sign in letters) < (1 - _FOREIGN_SCRIPT) * len(letters):
        return None
    if len(letters) < _SHORT:
        return default
    values = _detector().compute_language_confidence_values(text)
    read = [(value.value, value.language.iso_code_639_1.name.lower()) for value in values if value.language in _read()]
    if sum(value for value, _ in read) < _TRUST:
        return None
    return max(read)[1]


def _is_latin(sign: str) -> bool:
    return sign < "\u0250" or "\u1e00" <= sign <= "\u1eff"


@cache
def _read() -> frozenset[Language]:
    return frozenset(Language.from_iso_code_639_1(getattr(IsoCode639_1, code.upper())) for code in READ)


@cache
def _detector() -> LanguageDetector:
    latin = [language for language in Language.all_with_latin_script() if language.name not in _NEVER]
    return LanguageDetectorBuilder.from_languages(*latin).with_low_accuracy_mode().with_preloaded_language_models().build()


# Rarely written, and near enough to what we read to cost short texts.
_NEVER = frozenset({"LATIN", "ESPERANTO", "GANDA", "MAORI", "SHONA", "SOTHO", "TSONGA", "TSWANA", "XHOSA", "YORUBA", "ZULU"})
