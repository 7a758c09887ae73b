"""Problems: every refusal a client may see (RFC 9457). Anything else that is raised is a bug and looks like one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: `pointer` is a JSON pointer into the request ("" for the whole)."""

    pointer: str
    code: str
    detail: str = ""


class Problem(Exception):
    """A refusal. `detail` and `extra` go to the client: never content, never another tenant's facts."""

    slug: ClassVar[str] = "problem"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Problem"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.retry_after = retry_after

    @property
    def type(self) -> str:
        return f"/problems/{self.slug}"


class Malformed(Problem):
    slug, status, title = "malformed", 400, "Malformed request"


class Unauthenticated(Problem):
    slug, status, title = "unauthenticated", 401, "Not authenticated"


class PolicyDenied(Problem):
    slug, status, title = "policy-denied", 403, "Denied by policy"


class PersonRequired(Problem):
    slug, status, title = "person-required", 403, "A person must do this"


class NotFound(Problem):
    slug, status, title = "not-found", 404, "Not found"


class NotSequenced(Problem):
    slug, status, title = "not-sequenced", 404, "Not sequenced yet"


class LegalHold(Problem):
    slug, status, title = "legal-hold", 409, "Under legal hold"


class MinimumRetention(Problem):
    slug, status, title = "minimum-retention", 409, "Under minimum retention"


class InProgress(Problem):
    slug, status, title = "in-progress", 409, "In progress"


class AlreadyDecided(Problem):
    slug, status, title = "already-decided", 409, "Already decided"


class PlanExpired(Problem):
    slug, status, title = "plan-expired", 409, "The plan has expired"


class ManifestChanged(Problem):
    slug, status, title = "manifest-changed", 409, "The manifest has changed"


class SecretShown(Problem):
    slug, status, title = "secret-shown", 409, "The secret was shown once"


class Conflict(Problem):
    slug, status, title = "conflict", 409, "Conflict"


class Withdrawn(Problem):
    slug, status, title = "withdrawn", 410, "Withdrawn"


class Erased(Problem):
    slug, status, title = "erased", 410, "Erased"


class VersionConflict(Problem):
    slug, status, title = "version-conflict", 412, "Version conflict"


class TooLarge(Problem):
    slug, status, title = "too-large", 413, "Too large"


class Validation(Problem):
    slug, status, title = "validation", 422, "Invalid fields"


class Rejected(Problem):
    slug, status, title = "rejected", 422, "Memory rejected"


class PiiBlocked(Problem):
    slug, status, title = "pii-blocked", 422, "Blocked by the PII policy"


class IdempotencyMismatch(Problem):
    slug, status, title = "idempotency-mismatch", 422, "Idempotency key used with another body"


class PreconditionRequired(Problem):
    slug, status, title = "precondition-required", 428, "If-Match required"


class QuotaExceeded(Problem):
    slug, status, title = "quota-exceeded", 429, "Quota exceeded"


class RateLimited(Problem):
    slug, status, title = "rate-limited", 429, "Too many requests"


class Integrity(Problem):
    slug, status, title = "integrity", 500, "Integrity check failed"


class Unavailable(Problem):
    slug, status, title = "unavailable", 503, "Unavailable"
