"""Strict serializers: unknown and wrong fields are one 422 with JSON pointers, never an echo of what was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from foundation.kernel.problems import FieldError, Validation
from foundation.rest.body import escape

_ERRORS_SHOWN = 50
_DETAILS = {
    "required": "Required.",
    "null": "May not be null.",
    "blank": "May not be empty.",
    "invalid": "Wrong type or form.",
    "unknown-field": "Unknown field.",
    "repeated": "Given more than once.",
    "max-length": "Too long.",
    "min-length": "Too short.",
    "not-a-list": "Not a list.",
    "invalid-choice": "Not one of the allowed values.",
}
S = TypeVar("S", bound="StrictSerializer")


class Shape(serializers.Serializer):
    """What an answer looks like. Nulls and empty lists are present."""


class StrictSerializer(serializers.Serializer):
    """A request object: exactly these fields. Subclasses may add `validate` (raise with a `code`)."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        known = {name for name, field in self.fields.items() if not field.read_only}
        unknown = {name: [_unknown()] for name in data if name not in known} if isinstance(data, dict) else {}
        try:
            value: dict[str, Any] = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**error.detail, **unknown}) from None
        if unknown:
            raise ValidationError(unknown)
        return value

    @classmethod
    def read(cls, data: Any, *, partial: bool = False, query: bool = False) -> dict[str, Any]:
        """The validated fields of a request body (or of a `query` string); raises `Validation` (422)."""
        try:
            return dict(_reader(cls, partial, query).run_validation(data))
        except ValidationError as error:
            raise Validation(errors=list(errors_of(error.detail))[:_ERRORS_SHOWN]) from None

    @classmethod
    def read_query(cls, query: QueryDict) -> dict[str, Any]:
        """The validated parameters of a query string; a parameter that is no list may stand once."""
        fields = _reader(cls, False, True).fields
        lists = {name for name, field in fields.items() if isinstance(field, serializers.ListField)}
        data: dict[str, Any] = {}
        for name, values in query.lists():
            if len(values) > 1 and name not in lists:
                raise Validation(errors=[_told(f"/{escape(name)}", "repeated")])
            data[name] = values if name in lists else values[0]
        return cls.read(data, query=True)


class Nothing(StrictSerializer):
    """A request that takes no fields at all."""


_readers: dict[tuple[type[StrictSerializer], bool, bool], StrictSerializer] = {}


def _reader(shape: type[StrictSerializer], partial: bool, query: bool) -> StrictSerializer:
    """The one instance that reads all requests of a shape: reading leaves nothing behind in it, and to make it copies
    every field, which took longer than all of the reading."""
    found = _readers.get((shape, partial, query))
    if found is None:
        found = shape(partial=partial, context={"query": query})
        _ = found.fields  # made before another thread sees it
        _readers[shape, partial, query] = found
    return found


def _unknown() -> ErrorDetail:
    return ErrorDetail("Unknown field.", code="unknown_field")


def errors_of(detail: Any, pointer: str = "") -> Iterator[FieldError]:
    """The framework's nested errors as flat ones with pointers; details come from a table, never from input."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            at = pointer if name == "non_field_errors" else f"{pointer}/{escape(str(name))}"
            yield from errors_of(inner, at)
    elif isinstance(detail, list):
        for place, inner in enumerate(detail):
            # In a list of objects the place is the index; in a list of messages it means nothing.
            yield from errors_of(inner, pointer if isinstance(inner, ErrorDetail) else f"{pointer}/{place}")
    elif isinstance(detail, ErrorDetail):
        yield _told(pointer, str(detail.code).replace("_", "-"))


def _told(pointer: str, code: str) -> FieldError:
    return FieldError(pointer, code, _DETAILS.get(code, ""))
