"""What a path tells about its text."""

from __future__ import annotations

import re

from guard.pii.entities import Entity
from guard.pii.port import Finding

_PROSE = ("/content", "/episode/", "/query", "/reason")
_SPEAKERS = re.compile(
    r"/(?:speaker|author|from|to|user_?name|full_?name|first_?name|last_?name|customer)$", re.IGNORECASE
)
_ROLES = frozenset(
    {"user", "assistant", "agent", "system", "bot", "tool", "human", "ai", "customer", "operator", "admin", "unknown"}
)


_IDENTIFIER = re.compile(r"[\w.:#+\-/]{1,128}")
_CALL = re.compile(r"(?<!\w)[^\W\d]\w*\([^)\n]{0,200}[\"'=_]|(?<![\w=])[^\W\d]\w* = [^\W\d]\w*[.(]")
_LABEL = re.compile(r"[a-z]{1,16}(?:_[a-z]{1,16}){0,4}")


def is_identifier(text: str) -> bool:
    """`chat:8821`, `support-bot`, `s-17`, `web`: no prose; most of what a model would see in it is noise."""
    if not _IDENTIFIER.fullmatch(text):
        return False
    return any(sign in ":_-/.#" or sign.isdigit() for sign in text) or _LABEL.fullmatch(text) is not None


def is_code(path: str, text: str) -> bool:
    """An episode's action that calls functions: what looks like a name to a model of prose is most often a function's
    or a comment's first word."""
    return path.endswith("/episode/action") and _CALL.search(text) is not None


def is_prose(path: str) -> bool:
    """Whether the text is long enough of kind to tell the document's language."""
    return path.startswith(_PROSE)


def hinted(path: str, text: str) -> Finding | None:
    """A field that holds a name holds a person, whatever the models think; the names of roles are none."""
    if not _SPEAKERS.search(path) or text.strip().casefold() in _ROLES or len(text) > 100:
        return None
    return Finding(Entity.PERSON, path, 0, len(text), 1.0)
