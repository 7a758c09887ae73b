"""The bodies of lessons and of the check before acting: what is taken, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers

from foundation.rest.fields import Boolean, Choice, Integer, Listing, Moment, Text, Uuid
from foundation.rest.pages import ListQuery
from foundation.rest.serializers import Shape, StrictSerializer
from guard.lessons.grounds import Replayed
from guard.lessons.pattern import Family, Pattern
from guard.lessons.terms import Told
from guard.models import Lesson
from guard.types import Effect, ValueKind
from guard.types import Shape as Form
from tenants.api.shapes import ReceiptShape

LABEL = r"^(acl:(admin|compliance|agent|auditor|reader)|(?!acl:)[a-z][a-z0-9_.-]{0,30}:[A-Za-z0-9_.-]{1,32})$"
FUNCTION = r"^[A-Za-z_][A-Za-z0-9_.]{0,63}$"
EFFECTS = [effect.value.upper() for effect in Effect]
SLOTS = [kind.value.upper() for kind in ValueKind]
MOST_PLANNED = 16 * 1024


class RefField(serializers.Field):
    """A record: `[id, version]`."""

    default_error_messages = {"invalid": "Not [id, version]."}

    def to_internal_value(self, data: Any) -> tuple[UUID, int]:
        if not (isinstance(data, list) and len(data) == 2):
            self.fail("invalid")
        return Uuid().to_internal_value(data[0]), Integer(min_value=1).to_internal_value(data[1])

    def to_representation(self, value: tuple[UUID, int]) -> list[Any]:
        return [str(value[0]), value[1]]

    def openapi(self) -> dict[str, Any]:
        items = [{"type": "string", "format": "uuid"}, {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": 2, "maxItems": 2}


class PatternBody(StrictSerializer):
    """A pattern as a person states it; function names are hashed before anything is kept."""

    effect_class = Choice(EFFECTS, required=False)
    functions = Listing(child=Text(pattern=FUNCTION, max_length=64), unique=True, max_length=16, required=False)
    slots = Listing(child=Choice(SLOTS), unique=True, max_length=4, required=False)
    shape = Choice(Form, required=False, allow_null=True)

    @staticmethod
    def told(fields: Mapping[str, Any] | None) -> Told | None:
        if fields is None:
            return None
        return Told(
            effect=Effect(fields.get("effect_class", "NONE").lower()),
            functions=tuple(fields.get("functions", ())),
            slots=tuple(ValueKind(slot.lower()) for slot in fields.get("slots", ())),
            shape=Form(fields["shape"]) if fields.get("shape") else None,
        )


class LessonText(StrictSerializer):
    title = Text(min_length=1, max_length=128)
    when = Text(min_length=1, max_length=1024)
    advice = Text(min_length=1, max_length=2048)


class LessonBody(LessonText):
    space = Uuid()
    outcome = Choice((Family.SUCCESS.value, Family.FAILURE.value))
    pattern = PatternBody(required=False, allow_null=True)
    evidence = Listing(child=RefField(), unique=True, max_length=32, required=False)
    labels = Listing(child=Text(pattern=LABEL, max_length=64), unique=True, max_length=32, required=False)


class LessonChange(LessonText):
    title = Text(min_length=1, max_length=128, required=False)
    when = Text(min_length=1, max_length=1024, required=False)
    advice = Text(min_length=1, max_length=2048, required=False)
    pattern = PatternBody(required=False, allow_null=True)


class RetireBody(StrictSerializer):
    reason = Text(min_length=1, max_length=1024)


class LessonQuery(ListQuery):
    state = Choice(Lesson.State.values, required=False)
    space = Uuid(required=False)


class CheckBody(StrictSerializer):
    action = Text(min_length=1, max_length=MOST_PLANNED)
    context = Text(max_length=MOST_PLANNED, allow_blank=True, required=False)
    space = Uuid(required=False, allow_null=True)


class PatternShape(Shape):
    effect_class = Choice(EFFECTS)
    functions = Listing(child=Text())
    slots = Listing(child=Choice(SLOTS))
    shape = Choice(Form, allow_null=True)
    grams = Integer()


class EvidenceShape(Shape):
    id = Uuid()
    version = Integer()


class ReplayShape(Shape):
    state = Choice(Replayed)
    records = Integer()
    flagged = Integer()


class LessonShape(Shape):
    id = Uuid()
    version = Integer()
    state = Choice(Lesson.State.values)
    space = Uuid()
    labels = Listing(child=Text())
    origin = Choice(Lesson.Origin.values)
    family = Choice(Family)
    title = Text()
    when = Text()
    advice = Text()
    pattern = PatternShape()
    at_writing = Boolean()
    evidence = EvidenceShape(many=True)
    detections = Integer()
    confirmations = Integer()
    refutations = Integer()
    replay = ReplayShape()
    hits = Integer()
    last_hit_at = Moment(allow_null=True)
    created_at = Moment()
    expires_at = Moment()
    receipt = ReceiptShape(allow_null=True)


class AdviceShape(Shape):
    lesson_id = Uuid()
    version = Integer()
    title = Text()
    when = Text()
    advice = Text()
    match = Choice(("effect", "functions", "grams", "meaning"))
    confidence = serializers.FloatField()


class CheckShape(Shape):
    data = AdviceShape(many=True)
    receipt = ReceiptShape()


def pattern_shown(pattern: Pattern) -> dict[str, Any]:
    """What of a pattern can be read: closed words, our own verbs, and how much is hashed. No hash leaves the house."""
    return {
        "effect_class": pattern.effect.value.upper(),
        "functions": [name if not _hash(name) else "#" for name in pattern.functions],
        "slots": [slot.value.upper() for slot in pattern.slots],
        "shape": pattern.shape,
        "grams": len(pattern.grams),
    }


def _hash(name: str) -> bool:
    return len(name) == 16 and all(char in "0123456789abcdef" for char in name)
