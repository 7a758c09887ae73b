"""What templates say again and again: a moment, an id, our own static file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from foundation.kernel.clock import rfc3339

register = template.Library()


@register.filter
def when(moment: datetime | None) -> SafeString | str:
    """A moment in UTC, which console.js puts in the reader's zone; a dash for none."""
    if moment is None:
        return "–"
    at = moment.astimezone(UTC)
    return format_html('<time datetime="{}">{} UTC</time>', rfc3339(at), at.strftime("%Y-%m-%d %H:%M:%S"))


@register.filter
def short(id: Any) -> SafeString:
    """The end of an id, for people to tell one from another; the whole of it on hover and for screen readers."""
    text = str(id)
    return format_html('<code class="id" title="{}">…{}</code>', text, text[-8:])


@register.filter
def told(value: Any) -> SafeString | str:
    """A value of an event's detail: ids and words as they are, lists one after another."""
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, Mapping):
        return format_html_join(", ", "{} {}", ((name, told(each)) for name, each in value.items()))
    if isinstance(value, list | tuple):
        return format_html_join(", ", "{}", ((told(each),) for each in value))
    return format_html("<code>{}</code>", value)


@register.simple_tag
def asset(path: str) -> str:
    """The address of a file of ours, which changes with its content: so browsers may keep it."""
    return f"{static(path)}?v={_digest(path)}"


@cache
def _digest(path: str) -> str:
    found = finders.find(path)
    if found is None:
        raise LookupError(f"there is no static file {path}")
    with open(found, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]
