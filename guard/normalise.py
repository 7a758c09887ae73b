"""Text as the guard judges it: no invisible characters, one spelling of each letter, one layer of encoding undone.

What is *stored* is what the caller sent; only the judgement reads this form. Hidden characters that no script, emoji or
careless copy-and-paste explains are a hard rule (`hidden-unicode`), because their one use is to show a person and a
model different texts.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from guard.vocabulary import ORDINARY

_BIDI_OVERRIDE = "\u202d\u202e"
_BIDI_EMBED = "\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u180e\u2061\u2062\u2063\u2064\u3164\uffa0\u115f\u1160"
_INVISIBLE = re.compile(
    f"[{_ZERO_WIDTH}{_BIDI_OVERRIDE}{_BIDI_EMBED}\u200e\u200f\u061c\u00ad\U000e0000-\U000e0fff]|[\ufe00-\ufe0e]"
)
_TAG = re.compile("[\U000e0000-\U000e007f]+")
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a\U000e0030-\U000e0039]{3,6}\U000e007f")
_SELECTORS = re.compile("[\ufe00-\ufe0f]{2,}|[\U000e0100-\U000e01ef]{2,}")
_RUN = re.compile(f"[{_ZERO_WIDTH}]{{2,}}")
_INSIDE = re.compile(f"(?<=[A-Za-z\u00c0-\u024f])[{_ZERO_WIDTH}](?=[A-Za-z\u00c0-\u024f])")
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{20,}={0,2}(?![A-Za-z0-9+/=_-])")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[ :]?){12,4000}(?![0-9A-Za-z])")
_PERCENT = re.compile(r"(?:[\w.+-]{0,40}%[0-9A-Fa-f]{2}){3,1000}[\w.+-]{0,40}")
_COMMENT = re.compile(r"<!--(?:(?!<!--|-->).){0,2000}-->", re.DOTALL)
# A word with a sign in a letter's place: `1gn0r3`. Only words that come out common count, so `b2b` and `a1b2c3` do not.
_DISGUISED = re.compile(r"(?<!\w)(?=[\d@$]{0,9}[A-Za-z])(?=[A-Za-z]{0,19}[013457@$])[A-Za-z013457@$]{3,20}(?!\w)")
_DIGITS_AS_LETTERS = str.maketrans("013457@$", "oieastas")
_SPACED = re.compile(r"(?:\b\w[ .\-_*]){4,}\w\b")
_LOOKALIKE = str.maketrans(
    "аеорсухіјѕԁոАВЕКМНОРСТХІЈЅαορινκΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcyxijsdnABEKMHOPCTXIJSaopivkABEZHIKMNOPTYX"
)
_MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[\u0370-\u052f])\w+\b")


@dataclass(frozen=True, slots=True)
class Normal:
    """`text` to judge; `hidden` names what was concealed in it; `decoded` texts found under one layer of encoding."""

    text: str
    hidden: tuple[str, ...] = ()
    decoded: tuple[str, ...] = ()


def normalise(text: str) -> Normal:
    """Never raises; any `str` is accepted, lone surrogates included."""
    clean = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    clean = _MIXED.sub(lambda found: found.group().translate(_LOOKALIKE), clean)
    clean = _SPACED.sub(_join_spaced, clean)
    return Normal(clean, tuple(_hidden(text)), tuple(_decoded(clean)))


def _hidden(text: str) -> list[str]:
    if text.isascii():
        return []
    plain = _FLAG.sub("", text)
    checks = {
        "tag-characters": bool(_TAG.search(plain)),
        "variation-selectors": bool(_SELECTORS.search(plain)),
        "bidi-override": _suspicious_bidi(plain),
        "zero-width": bool(_RUN.search(plain)) or len(_INSIDE.findall(plain)) > 1,
    }
    return [name for name, found in checks.items() if found]


def _suspicious_bidi(text: str) -> bool:
    """Overrides are never innocent; embeddings and isolates are where right-to-left script is actually written."""
    if any(mark in text for mark in _BIDI_OVERRIDE):
        return True
    return not _RTL.search(text) and sum(text.count(mark) for mark in _BIDI_EMBED) > 1


def _join_spaced(found: re.Match[str]) -> str:
    letters = re.sub(r"[ .\-_*]", "", found.group())
    return letters if letters.isalpha() else found.group()


def _decoded(text: str) -> list[str]:
    found = [plain for word in _BASE64.findall(text) if (plain := _base64(word))]
    found += [
        plain for word in _HEX.findall(text) if (plain := _readable(bytes.fromhex(re.sub(r"0x|\\x|[ :]", "", word))))
    ]
    found += [plain for word in _PERCENT.findall(text) if (plain := _readable(unquote_to_bytes(word)))]
    turned = codecs.decode(text, "rot13") if len(text) < 20_000 else ""
    if _commonness(turned) > max(0.15, 2 * _commonness(text)):
        found.append(turned)
    return [*found, *_uncovered(text)]


def _uncovered(text: str) -> list[str]:
    """The text as a reader's machine takes it: no comment within a word or an order, digits read as letters."""
    found = [_COMMENT.sub("", text)] if _COMMENT.search(text) else []
    disguised = {word: word.lower().translate(_DIGITS_AS_LETTERS) for word in _DISGUISED.findall(text)}
    if sum(plain in ORDINARY for plain in disguised.values()) >= 2:
        found.append(_DISGUISED.sub(lambda word: disguised[word.group()], text))
    return found


def _base64(word: str) -> str:
    """The text under a base64 word, or "" where it is not text (a hash, a key, a long identifier)."""
    try:
        raw = base64.b64decode(
            word.translate(str.maketrans("-_", "+/")).rstrip("=") + "=" * (-len(word.rstrip("=")) % 4), validate=True
        )
    except (binascii.Error, ValueError):
        return ""
    return _readable(raw)


def _readable(raw: bytes) -> str:
    """The text the bytes are, or "" where they are none."""
    try:
        plain = raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    letters = sum(char.isalpha() or char.isspace() for char in plain)
    return plain if plain.replace("\n", " ").isprintable() and letters > 0.75 * len(plain) else ""


def _commonness(text: str) -> float:
    words = re.findall(r"[a-z]+", text.lower())
    return sum(word in ORDINARY for word in words) / len(words) if len(words) >= 4 else 0.0
