"""Fields that several forms of the console have, with the API's own bounds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from foundation.kernel.clock import rfc3339

LONGEST_REASON = 1024
MOST_IDS = 1000


class Reason(forms.CharField):
    """Why something is done: it is sealed and stays with the act."""

    def __init__(self, label: str = "Reason", **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 3}))
        super().__init__(max_length=LONGEST_REASON, label=label, **kwargs)


class Ids(forms.CharField):
    """Ids of records, separated by spaces or commas: each once, in order."""

    def __init__(self, label: str = "Records", **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": 2}))
        super().__init__(label=label, required=False, help_text="Ids, separated by spaces.", **kwargs)

    def clean(self, value: Any) -> list[UUID]:
        found = [identified(each) for each in super().clean(value).replace(",", " ").split()]
        if None in found or len(found) > MOST_IDS:
            raise forms.ValidationError(f"Ids of records, {MOST_IDS} at most.")
        return sorted({each for each in found if each})


class MomentInput(forms.Widget):
    """A moment picked in the reader's zone; console.js writes it in UTC into the hidden field that is sent."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        told = rfc3339(value) if isinstance(value, datetime) else value or ""
        id = (attrs or {}).get("id", name)
        described = (attrs or {}).get("aria-describedby", "")
        return format_html(
            '<input type="datetime-local" id="{}" data-utc="{}"{}><input type="hidden" name="{}" value="{}">',
            *(id, name, format_html(' aria-describedby="{}"', described) if described else "", name, told),
        )


class MomentField(forms.Field):
    """An aware moment (RFC 3339)."""

    widget = MomentInput

    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            at = parse_datetime(value)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise forms.ValidationError("Not a moment.")
        return at.astimezone(UTC)


def choose(form: forms.Form, name: str, choices: Iterable[tuple[str, str]]) -> None:
    """Give a field its choices, which only this form knows."""
    field = form.fields[name]
    if not isinstance(field, forms.ChoiceField):
        raise TypeError(name)
    field.choices = list(choices)


def identified(text: str | None) -> UUID | None:
    """An id out of a query string or a form; None for anything else."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
