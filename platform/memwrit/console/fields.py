"""Fields that several forms of the console have, with the API's own bounds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

LONGEST_REASON = 1024


class Reason(forms.CharField):
    """Why something is done: it is sealed and stays with the act."""

    def __init__(self, label: str = "Reason", **kwargs: Any) -> None:
        told = {"max_length": LONGEST_REASON, "widget": forms.Textarea(attrs={"rows": 3}), "label": label}
        super().__init__(**(told | kwargs))


def identified(text: str | None) -> UUID | None:
    """An id out of a query string or a form; None for anything else."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
