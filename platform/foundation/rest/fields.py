"""Fields that take exactly what their OpenAPI schema says: no coercion in bodies, one spelling of each value.

In query strings (`context["query"]`) numbers and booleans are spelt as text; everything else is the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from foundation.kernel.clock import rfc3339

# Letters of European languages, digits and a few marks: what may stand readable at rest (names of staff and spaces).
NAME = r"^[A-Za-z0-9À-ÖØ-öø-ɏ][A-Za-z0-9À-ÖØ-öø-ɏ ._:@+'()/-]{0,63}$"
NO_NUL = r"^[^\u0000]*$"
SAFE_INTEGER = 2**53 - 1
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)
_SPAN = re.compile(r"P(?=.)(?:(\d{1,5})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?", re.ASCII)


class Text(serializers.CharField):
    """Text of at most `max_length` code points, without NUL or lone surrogates, kept as it came.

    `max_bytes` bounds its UTF-8 form; `pattern` is a JSON Schema regular expression that must match all of it.
    """

    default_error_messages = {"pattern": "Wrong characters.", "max_bytes": "Too long."}

    def __init__(self, *, pattern: str = "", max_bytes: int | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)
        self.pattern = pattern or NO_NUL
        self.max_bytes = max_bytes
        self._whole = re.compile(pattern.removeprefix("^").removesuffix("$")) if pattern else None

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            self.fail("invalid")
        return super().run_validation(data)

    def to_internal_value(self, data: str) -> str:
        if self.max_bytes is not None and len(data.encode("utf-8", "replace")) > self.max_bytes:
            self.fail("max_bytes")
        if self._whole is not None and not self._whole.fullmatch(data):
            self.fail("pattern")
        return data

    def openapi(self) -> dict[str, Any]:
        bounds = {"maxLength": self.max_length or self.max_bytes, "minLength": self.min_length}
        return {"type": "string", "pattern": self.pattern} | {k: v for k, v in bounds.items() if v is not None}


class Name(Text):
    """A short name that may stand readable: see `NAME`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(pattern=NAME, max_length=64, **kwargs)


class Integer(serializers.Field):
    """A whole number between two bounds; `5.0` is one (JSON Schema), `true` and `"5"` are not."""

    default_error_messages = {
        "invalid": "Not a whole number.",
        "min_value": "Too small.",
        "max_value": "Too large.",
    }

    def __init__(self, *, min_value: int = -SAFE_INTEGER, max_value: int = SAFE_INTEGER, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_value, self.max_value = min_value, max_value

    def to_internal_value(self, data: Any) -> int:
        if self.context.get("query") and isinstance(data, str) and re.fullmatch(r"-?\d{1,16}", data, re.ASCII):
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int | float) or data != data // 1:
            self.fail("invalid")
        if data < self.min_value:
            self.fail("min_value")
        if data > self.max_value:
            self.fail("max_value")
        return int(data)

    def to_representation(self, value: Any) -> int:
        return int(value)

    def openapi(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.min_value, "maximum": self.max_value}


class Number(serializers.Field):
    """A number between two bounds, both included; not `true`, not NaN."""

    default_error_messages = {"invalid": "Not a number.", "range": "Out of range."}

    def __init__(self, *, min_value: float, max_value: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_value, self.max_value = min_value, max_value

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        if not self.min_value <= data <= self.max_value:
            self.fail("range")
        return float(data)

    def to_representation(self, value: Any) -> float:
        return float(value)

    def openapi(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.min_value, "maximum": self.max_value}


class Boolean(serializers.Field):
    """`true` or `false`."""

    default_error_messages = {"invalid": "Not a boolean."}
    _QUERY = {"true": True, "false": False}

    def to_internal_value(self, data: Any) -> bool:
        if self.context.get("query") and isinstance(data, str):
            data = self._QUERY.get(data, data)
        if not isinstance(data, bool):
            self.fail("invalid")
        return bool(data)

    def to_representation(self, value: Any) -> bool:
        return bool(value)

    def openapi(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Uuid(serializers.Field):
    """A UUID in its one canonical spelling (RFC 9562 §4); hex digits in either case."""

    default_error_messages = {"invalid": "Not a UUID."}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid")
        return UUID(data)

    def to_representation(self, value: Any) -> str:
        return str(value)

    def openapi(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}


class Moment(serializers.Field):
    """A moment: RFC 3339 with an offset; answered in UTC with `Z`. Fractions beyond a microsecond are cut."""

    default_error_messages = {"invalid": "Not an RFC 3339 date and time with an offset."}

    def to_internal_value(self, data: Any) -> datetime:
        found = _MOMENT.fullmatch(data) if isinstance(data, str) and len(data) <= 64 else None
        try:
            if found is not None:
                return _moment(found)
        except (ValueError, OverflowError):
            pass
        raise ValidationError(self.error_messages["invalid"], code="invalid")

    def to_representation(self, value: datetime) -> str:
        return rfc3339(value) or ""

    def openapi(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


def _moment(found: re.Match[str]) -> datetime:
    *parts, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = (int(part) for part in parts)
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        raise ValueError("offset")
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    return datetime(year, month, day, hour, minute, second, micros, tzinfo=UTC) - ahead


class Span(serializers.Field):
    """A length of time: ISO 8601 in days, hours, minutes, seconds (`PT24H`); answered without days."""

    default_error_messages = {
        "invalid": "Not an ISO 8601 duration of days, hours, minutes, seconds.",
        "max_value": "Too long.",
    }
    PATTERN = (
        r"^P(?:[0-9]{1,5}D|(?:[0-9]{1,5}D)?T(?:[0-9]{1,6}H(?:[0-9]{1,8}M)?(?:[0-9]{1,9}S)?"
        r"|[0-9]{1,8}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S))$"
    )

    def __init__(self, *, max_value: timedelta | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_value = max_value

    def to_internal_value(self, data: Any) -> timedelta:
        found = _SPAN.fullmatch(data) if isinstance(data, str) else None
        if found is None:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if self.max_value is not None and span > self.max_value:
            self.fail("max_value")
        return span

    def to_representation(self, value: timedelta) -> str:
        return iso_span(value)

    def openapi(self) -> dict[str, Any]:
        return {"type": "string", "pattern": self.PATTERN}


def iso_span(value: timedelta) -> str:
    """`PT24H`, `PT1M30S`, `PT0S`: whole seconds, no days."""
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{amount}{unit}" for amount, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if amount]
    return "PT" + ("".join(parts) or "0S")


class Choice(serializers.Field):
    """One of a closed set of words."""

    default_error_messages = {"invalid_choice": "Not one of the allowed values."}

    def __init__(self, choices: type[StrEnum] | Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allowed = tuple(str(getattr(choice, "value", choice)) for choice in choices)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.allowed:
            self.fail("invalid_choice")
        return str(data)

    def to_representation(self, value: Any) -> str:
        return str(getattr(value, "value", value))

    def openapi(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.allowed)}


class Listing(serializers.ListField):
    """A list of at most `max_length` items; `unique` refuses an item that stands twice."""

    default_error_messages = {"unique": "An item stands twice."}

    def __init__(self, *, unique: bool = False, max_length: int = 200, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self.unique, self.most = unique, max_length

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        if len(data) > self.most:  # before the children, so that a long list costs nothing
            self.fail("max_length", max_length=self.most)
        items: list[Any] = super().to_internal_value(data)
        if self.unique and len({repr(item) for item in items}) != len(items):
            self.fail("unique")
        return items


class Metadata(serializers.Field):
    """A flat object of the client's own: short names, and texts, whole numbers, booleans or nulls as values."""

    KEY = r"^[A-Za-z0-9_.:-]{1,64}$"
    default_error_messages = {
        "invalid": "Not an object of texts, whole numbers, booleans and nulls.",
        "max_length": "Too many entries.",
        "key": "A name has 1 to 64 letters, digits and _.:-",
    }

    def __init__(self, *, max_properties: int = 64, max_text: int = 2048, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_properties, self.max_text = max_properties, max_text

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict) or not all(self._fits(value) for value in data.values()):
            self.fail("invalid")
        if len(data) > self.max_properties:
            self.fail("max_length")
        if not all(re.fullmatch(self.KEY[1:-1], name, re.ASCII) for name in data):
            self.fail("key")
        return {name: int(value) if isinstance(value, float) else value for name, value in data.items()}

    def _fits(self, value: Any) -> bool:
        if isinstance(value, str):
            return len(value) <= self.max_text and "\x00" not in value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value == value // 1 and abs(value) <= SAFE_INTEGER  # 5.0 is a whole number (JSON Schema)
        return value is None or isinstance(value, bool)

    def to_representation(self, value: Any) -> dict[str, Any]:
        return dict(value)

    def openapi(self) -> dict[str, Any]:
        bounds = {"minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER}
        return {
            "type": "object",
            "maxProperties": self.max_properties,
            "propertyNames": {"type": "string", "pattern": self.KEY},
            "additionalProperties": {
                "anyOf": [
                    {"type": "string", "maxLength": self.max_text, "pattern": NO_NUL},
                    {"type": "integer", **bounds},
                    {"type": ["boolean", "null"]},
                ]
            },
        }
