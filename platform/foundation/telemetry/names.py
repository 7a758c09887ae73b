"""Names of spans and of their attributes: closed sets. What is not here cannot be told.

The `gen_ai.*` names are those of OpenTelemetry's conventions for generative AI (memory operations, in development:
kept here until a release has them). Their opt-in attributes for content, `gen_ai.memory.query.text` and
`gen_ai.memory.records`, are left out for good.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from uuid import UUID


class Word(str):
    """A word of our own code (a route's pattern, a kind of work, a class's name), never of a caller's. Saying
    `Word(...)` is the author's promise; a bare string is refused."""

    __slots__ = ()


Value = bool | int | float | UUID | Enum | Word
"""What a span or a metric may carry."""


class Where(StrEnum):
    """Where something that does not add up was met."""

    REQUEST = "request"
    WORK = "work"
    LEDGER = "ledger"
    ENGINE = "engine"  # a row of another tenant's in the search engine's answer
    RECORDS = "records"  # a row of the answer that the database does not know


class Name(StrEnum):
    """Spans. The memory operations are named as the conventions name them."""

    REQUEST = "request"
    WORK = "work"
    CREATE = "create_memory"
    SEARCH = "search_memory"
    UPDATE = "update_memory"
    DELETE = "delete_memory"
    REVEAL = "memwrit.reveal"
    OPENSEARCH = "opensearch"


class Attribute(StrEnum):
    """Attributes of spans."""

    OPERATION = "gen_ai.operation.name"
    STORE = "gen_ai.memory.store.id"
    RECORD = "gen_ai.memory.record.id"
    COUNT = "gen_ai.memory.record.count"
    PROVIDER = "gen_ai.provider.name"
    LIMIT = "memwrit.search.limit"
    SPACES = "memwrit.search.spaces"
    DECISION = "memwrit.admission.decision"
    SUBMITTED = "memwrit.admission.submitted"
    TENANT = "memwrit.tenant.id"
    REQUEST = "memwrit.request.id"
    KIND = "memwrit.work.kind"
    ITEMS = "memwrit.work.items"
    WAITED = "memwrit.work.waited_s"
    METHOD = "http.request.method"
    ROUTE = "http.route"
    STATUS = "http.response.status_code"
    DATABASE = "db.system.name"
    DATABASE_OPERATION = "db.operation.name"
    ERROR = "error.type"


def told(value: Value) -> bool | int | float | str:
    """A value as it is exported. Raises `TypeError` for whatever may hold text."""
    if isinstance(value, Enum):
        return told(value.value if not isinstance(value.value, str) else Word(value.value))
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, UUID | Word):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not told: it may hold what somebody wrote")


def of_error(error: BaseException) -> Word:
    """An exception's class. Its message is never told."""
    return Word(f"{type(error).__module__}.{type(error).__qualname__}")
