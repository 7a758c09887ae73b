"""The bodies of governance's calls, as `shapes` of the contract has them: what is taken, and what is answered."""

from typing import Any

from rest_framework import serializers

from foundation.rest.fields import Boolean, Choice, Integer, Listing, Metadata, Moment, Name, Number, Span, Text, Uuid
from foundation.rest.pages import ListQuery
from foundation.rest.serializers import Shape, StrictSerializer
from governance.models import Kind, PayloadType, State
from governance.services.spaces import LONGEST_GRACE
from governance.strength import HEAVIEST
from governance.surroundings import FARTHEST
from guard.api.shapes import LABEL, RefField
from tenants.api.shapes import ReceiptShape

SOURCE_TYPE = r"^[a-z][a-z0-9_-]{0,31}$"
MOST_CONTENT = 64 * 1024
MOST_IN_A_BATCH = 500


class ObjectField(serializers.Field):
    """A JSON object that is looked into later, or answered as it is."""

    default_error_messages = {"invalid": "Not an object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        return value

    def openapi(self) -> dict[str, Any]:
        return {"type": "object"}


def labels(**kwargs: Any) -> Listing:
    return Listing(child=Text(pattern=LABEL, max_length=64), unique=True, max_length=32, **kwargs)


def external_names(**kwargs: Any) -> Listing:
    return Listing(child=Text(max_length=256, min_length=1), unique=True, max_length=32, **kwargs)


def check_range(attrs: dict[str, Any]) -> dict[str, Any]:
    """`valid_to` comes after `valid_from`."""
    start, end = attrs.get("valid_from"), attrs.get("valid_to")
    if start and end and end <= start:
        raise serializers.ValidationError({"valid_to": ["Before valid_from."]}, code="range")
    return attrs


class SpaceBody(StrictSerializer):
    name = Name()
    pii_policy_id = Uuid(required=False, allow_null=True)
    retention_policy_id = Uuid(required=False, allow_null=True)
    delete_grace = Span(required=False, max_value=LONGEST_GRACE)
    merge_duplicates = Boolean(required=False)
    strength = Number(min_value=0.0, max_value=HEAVIEST, required=False)


class SpaceChange(SpaceBody):
    name = Name(required=False)


class SpaceShape(Shape):
    id = Uuid()
    name = Name()
    version = Integer()
    pii_policy_id = Uuid(allow_null=True)
    retention_policy_id = Uuid(allow_null=True)
    delete_grace = Span()
    merge_duplicates = Boolean()
    strength = Number(min_value=0.0, max_value=HEAVIEST)
    created_at = Moment()


class ProvenanceBody(StrictSerializer):
    source = Text(max_length=256, min_length=1)
    source_type = Text(pattern=SOURCE_TYPE, max_length=32, required=False)
    actor = Text(max_length=256, required=False, allow_null=True)
    session = Text(max_length=256, required=False, allow_null=True)
    position = Integer(min_value=0, max_value=2**31 - 1, required=False, allow_null=True)
    speaker = Text(max_length=256, required=False, allow_null=True)
    parents = Listing(child=RefField(), unique=True, max_length=64, required=False)


class EpisodeBody(StrictSerializer):
    question = Text(max_length=MOST_CONTENT, allow_blank=True, required=False)
    knowledge = Text(max_length=MOST_CONTENT, allow_blank=True, required=False)
    action = Text(max_length=MOST_CONTENT, allow_blank=True, required=False)
    outcome = Text(max_length=MOST_CONTENT, allow_blank=True, required=False)


class MemoryBody(StrictSerializer):
    content = Text(max_length=MOST_CONTENT, max_bytes=MOST_CONTENT, min_length=1)
    space = Uuid()
    kind = Choice(Kind, required=False)
    subjects = external_names(required=False)
    provenance = ProvenanceBody(required=False)
    episode = EpisodeBody(required=False, allow_null=True)
    labels = labels(required=False)
    valid_from = Moment(required=False, allow_null=True)
    valid_to = Moment(required=False, allow_null=True)
    ttl = Span(required=False, allow_null=True)
    metadata = Metadata(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return check_range(attrs)


class BatchBody(StrictSerializer):
    memories = Listing(child=ObjectField(), min_length=1, max_length=MOST_IN_A_BATCH)


class RevisionBody(StrictSerializer):
    content = Text(max_length=MOST_CONTENT, max_bytes=MOST_CONTENT, min_length=1, required=False)
    labels = labels(required=False)
    metadata = Metadata(required=False)
    valid_from = Moment(required=False, allow_null=True)
    valid_to = Moment(required=False, allow_null=True)
    ttl = Span(required=False, allow_null=True)
    reason = Text(max_length=1024, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return check_range(attrs)


class ReasonBody(StrictSerializer):
    reason = Text(max_length=1024, min_length=1)


class RollBackBody(ReasonBody):
    to_version = Integer(min_value=1, max_value=2**31 - 1)


class MomentQuery(StrictSerializer):
    as_of = Moment(required=False)
    known_at = Moment(required=False)


class MemoryListQuery(ListQuery):
    space = Uuid(required=False)
    state = Choice(State, required=False)
    as_of = Moment(required=False)
    known_at = Moment(required=False)


class DiffQuery(StrictSerializer):
    to = Integer(min_value=1, max_value=2**31 - 1)

    def get_fields(self) -> dict[str, Any]:
        return {"from": Integer(min_value=1, max_value=2**31 - 1), **super().get_fields()}


class LineageQuery(StrictSerializer):
    direction = Choice(("ancestors", "descendants", "both"), required=False)
    depth = Integer(min_value=1, max_value=100, required=False)


class FiltersBody(StrictSerializer):
    kinds = Listing(child=Choice(Kind), unique=True, max_length=len(Kind), required=False)
    labels = labels(required=False)
    subjects = external_names(required=False)


class SearchBody(StrictSerializer):
    query = Text(max_length=MOST_CONTENT, min_length=1)
    spaces = Listing(child=Uuid(), unique=True, max_length=100, required=False)
    k = Integer(min_value=1, max_value=100, required=False)
    filters = FiltersBody(required=False)
    as_of = Moment(required=False, allow_null=True)
    known_at = Moment(required=False, allow_null=True)
    explain = Boolean(required=False)
    context = Integer(min_value=0, max_value=FARTHEST, required=False)


class SelectBody(StrictSerializer):
    ids = Listing(child=Uuid(), unique=True, min_length=1, max_length=1000, required=False)
    space = Uuid(required=False)
    source = Text(max_length=256, min_length=1, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Exactly one of ids, space, source.", code="exactly-one")
        return attrs


class ErasureBody(StrictSerializer):
    subject = Text(max_length=256, min_length=1, required=False, allow_null=True)
    select = SelectBody(required=False, allow_null=True)
    basis = Choice(("gdpr-17", "ccpa-1798.105", "contract", "policy", "other"))
    reason = Text(max_length=1024, min_length=1)
    dry_run = Boolean(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("subject")) == bool(attrs.get("select")):
            raise serializers.ValidationError("Either a subject or a selection.", code="exactly-one")
        return attrs


class ExecuteBody(StrictSerializer):
    expected_manifest = Text(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)


class HoldSelectBody(StrictSerializer):
    subject = Text(max_length=256, min_length=1, required=False, allow_null=True)
    space = Uuid(required=False, allow_null=True)
    ids = Listing(child=Uuid(), unique=True, max_length=1000, required=False)


class HoldBody(StrictSerializer):
    name = Text(max_length=128, min_length=1)
    select = HoldSelectBody()
    custodians = Listing(child=Uuid(), unique=True, max_length=50, required=False)
    basis = Choice(("litigation", "investigation", "regulatory", "audit", "other"))


class AdmissionListQuery(ListQuery):
    state = Choice(("admitted", "held", "approved", "rejected"), required=False)
    incident = Uuid(required=False)


class StateListQuery(ListQuery):
    state = Text(pattern=r"^[a-z]{1,16}$", max_length=16, required=False)


class ProvenanceShape(Shape):
    source = Text()
    source_type = Text()
    actor = Text(allow_null=True)
    principal_id = Uuid()
    session = Text(allow_null=True)
    position = Integer(allow_null=True)
    speaker = Text(allow_null=True)
    parents = Listing(child=RefField())


class MemoryUsageShape(Shape):
    reads = Integer()
    last_read_at = Moment(allow_null=True)
    confirmed = Integer()
    refuted = Integer()
    strength = Number(min_value=0.0, max_value=1.0)


class MemoryShape(Shape):
    id = Uuid()
    version = Integer()
    space = Uuid()
    state = Choice(State)
    standing = Choice(("settled", "provisional", "disputed"))
    kind = Choice(Kind)
    payload_type = Choice(PayloadType)
    content = Text()
    subjects = Listing(child=Uuid())
    labels = Listing(child=Text())
    metadata = ObjectField()
    valid_from = Moment(allow_null=True)
    valid_to = Moment(allow_null=True)
    recorded_at = Moment()
    expires_at = Moment(allow_null=True)
    episode = ObjectField(allow_null=True)
    provenance = ProvenanceShape()
    admission = ObjectField()
    usage = MemoryUsageShape(required=False)  # of a memory that is read by its id
    receipt = ReceiptShape()
