"""What the administration's templates say again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def reach(spaces: Sequence[UUID], names: Mapping[UUID, str]) -> SafeString | str:
    """The spaces a credential reaches, by name; none named means all."""
    if not spaces:
        return "all"
    return format_html_join(", ", "{}", ((names.get(each, f"…{str(each)[-8:]}"),) for each in spaces))


@register.simple_tag
def policy(id: UUID | None, names: Mapping[UUID, str]) -> str:
    """A personal data policy by its name."""
    return "default" if id is None else names.get(id, f"…{str(id)[-8:]}")


@register.filter
def spoken(word: str) -> str:
    """A word of ours as people read it: `writes_per_day` → `writes per day`."""
    return str(word).replace("_", " ").replace("-", " ")
