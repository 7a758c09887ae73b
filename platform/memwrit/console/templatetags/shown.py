"""How pages show what memories say: texts with their tokens marked, ages, shares, states."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from foundation.kernel.clock import now
from guard import explanations
from guard.pii.pseudonyms import TOKEN

register = template.Library()

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))
_GOOD = frozenset({"active", "admitted", "approved", "done", "settled", "admit", "ok"})
_BAD = frozenset({"rejected", "failed", "disputed", "forgotten", "expired", "reject"})
_WARN = frozenset({"held", "partial", "withdrawn", "restricted", "provisional", "planned", "running", "hold", "placed"})


@register.filter
def marked(text: str | None) -> SafeString:
    """A memory's text, escaped, with what stands for personal data marked as such."""
    parts: list[str] = []
    at, whole = 0, text or ""
    for found in TOKEN.finditer(whole):
        parts += [whole[at : found.start()], format_html("<mark>{}</mark>", found[0])]
        at = found.end()
    return format_html_join("", "{}", ((each,) for each in [*parts, whole[at:]]))


@register.filter
def age(since: datetime | None) -> str:
    """How long ago, in the largest unit that fits: "3 hours"."""
    return "–" if since is None else span(now() - since)


@register.filter
def span(length: timedelta) -> str:
    """A length of time in its largest unit."""
    seconds = max(0, int(length.total_seconds()))
    for size, name in _UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"


@register.filter
def state(word: Any) -> SafeString:
    """A state as a badge: its colour repeats what the word says."""
    text = str(word)
    tone = "good" if text in _GOOD else "bad" if text in _BAD else "warn" if text in _WARN else ""
    return format_html('<span class="badge {}">{}</span>', tone, text)


@register.filter
def hundredths(share: float) -> str:
    """A number between 0 and 1 with two decimals."""
    return f"{share:.2f}"


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """`mapping[key]`, or nothing."""
    return mapping.get(key, "") if hasattr(mapping, "get") else ""


@register.filter
def one_in(share: float) -> str:
    """0.01 as "100"."""
    return f"{round(1 / share):,}"


@register.filter
def words(text: str) -> list[str]:
    """The words of a list written with commas."""
    return text.split(",")


@register.filter
def add_text(text: str, more: Any) -> str:
    """Both as one text (`add` would count)."""
    return f"{text}{more}"


register.filter("asks", explanations.asks)
register.filter("likelihood", explanations.likelihood)
