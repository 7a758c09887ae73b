"""The tables of governance. What a person wrote is sealed (`sealed*` columns); the rest is ids, enumerations, times.

A MemCube is a mutable header over immutable versions; every header it ever had stays in `HeaderRevision`.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned
from governance.retention.models import RetentionPolicyRecord, RetentionPolicyVersion  # noqa: F401 - this app's too
from governance.rollbacks.models import Rollback, RollbackItem  # noqa: F401 - and these


class Kind(models.TextChoices):
    CORE = "core"
    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"
    RESOURCE = "resource"
    VAULT = "vault"
    WORKING = "working"


class PayloadType(models.TextChoices):
    PLAINTEXT = "plaintext"
    ACTIVATION = "activation"
    PARAMETRIC = "parametric"


class State(models.TextChoices):
    CANDIDATE = "candidate"
    HELD = "held"
    ACTIVE = "active"
    MERGED = "merged"
    ARCHIVED = "archived"
    FROZEN = "frozen"
    EXPIRED = "expired"
    RESTRICTED = "restricted"
    WITHDRAWN = "withdrawn"
    FORGOTTEN = "forgotten"


class Space(TenantOwned):
    """A container of MemCubes with its own policy. Its name is staff's: short and on the reviewed clear list."""

    name = models.CharField(max_length=64)
    version = models.PositiveIntegerField(default=1)
    pii_policy_id = models.UUIDField(null=True)
    retention_policy_id = models.UUIDField(null=True)
    retention_since = models.DateTimeField(null=True)  # that policy was named
    delete_grace = models.DurationField()
    merge_duplicates = models.BooleanField(default=False)
    strength = models.FloatField(default=0.0)  # how much a faded memory loses in the order of results
    created_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True)


class Subject(TenantOwned):
    """A person memories are about. The caller's own name for them is sealed under the subject's key (`id`)."""

    lookup = models.BinaryField(max_length=32)  # HMAC of the external id; null bytes once erased
    sealed_name = models.BinaryField(null=True)
    erased_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now)


class Header(models.Model):
    """What may change without re-sealing. Authenticated as a whole by `mac` (16 bytes), the manifest's element."""

    rev = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State)
    version = models.PositiveIntegerField()  # the current version
    labels = ArrayField(models.CharField(max_length=64), default=list)
    ttl = models.DurationField(null=True)
    expires_at = models.DateTimeField(null=True)
    mac = models.BinaryField(max_length=16)

    class Meta:
        abstract = True


class MemCube(TenantOwned, Header):
    """The record: identity and present header. `frozen` is the flag every read obeys before a key is used."""

    space_id = models.UUIDField()
    kind = models.CharField(max_length=16, choices=Kind)
    payload_type = models.CharField(max_length=16, choices=PayloadType, default=PayloadType.PLAINTEXT)
    owner_id = models.UUIDField()  # the principal that wrote it
    subject_ids = ArrayField(models.UUIDField(), default=list)
    frozen = models.BooleanField(default=False)
    erase_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "space_id", "id"], name="memcube_space"),
            models.Index(
                fields=["tenant_id", "erase_at"], condition=models.Q(erase_at__isnull=False), name="memcube_erase"
            ),
            models.Index(
                fields=["tenant_id", "expires_at"], condition=models.Q(expires_at__isnull=False), name="memcube_expiry"
            ),
            models.Index(
                fields=["tenant_id", "space_id", "created_at"],
                condition=~models.Q(state=State.FORGOTTEN),
                name="memcube_age",
            ),
        ]


class HeaderRevision(TenantOwned, Header):
    """One header a MemCube had, from `at` until its next revision. Immutable."""

    memcube_id = models.UUIDField()
    act = models.CharField(max_length=32)
    principal_id = models.UUIDField()
    at = models.DateTimeField(default=now)


class Version(TenantOwned):
    """One sealed payload. `id` names its key. Immutable; only the eraser removes it."""

    memcube_id = models.UUIDField()
    number = models.PositiveIntegerField()
    sealed = models.BinaryField()
    sealed_embedding = models.BinaryField(null=True)
    generation = models.CharField(max_length=64, default="")  # of the embedding
    valid_from = models.DateTimeField(null=True)
    valid_to = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()
    principal_id = models.UUIDField()
    act = models.CharField(max_length=32)
    reverts_to = models.PositiveIntegerField(null=True)  # the version whose payload a rollback took up again
    source_key = models.BinaryField(max_length=16)  # HMACs under the tenant's look-up key
    actor_key = models.BinaryField(max_length=16, null=True)
    session_key = models.BinaryField(max_length=16, null=True)
    position = models.IntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "source_key"], name="version_source"),
            models.Index(
                fields=["tenant_id", "session_key", "position"],
                condition=models.Q(position__isnull=False),
                name="version_place",
            ),
        ]


class Embedding(TenantOwned):
    """A version's embedding by another embedder than the one it was admitted with: made when the index took that one
    up, sealed under the version's key, and gone with it. Immutable."""

    version_id = models.UUIDField()
    embedder = models.CharField(max_length=64)
    sealed = models.BinaryField()


class SubjectLink(TenantOwned):
    """A MemCube is about a subject: the way from the person to the records."""

    memcube_id = models.UUIDField()
    subject_id = models.UUIDField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "subject_id"], name="link_subject"),
        ]


class LineageEdge(TenantOwned):
    """Version `child` was derived from version `parent`. Immutable."""

    child_id = models.UUIDField()
    child_version = models.PositiveIntegerField()
    parent_id = models.UUIDField()
    parent_version = models.PositiveIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "parent_id"], name="edge_parent"),
        ]


class Admission(TenantOwned):
    """The decision on one candidate version; its verdict (reasons, evidence) is sealed under the version's key."""

    class State(models.TextChoices):
        ADMITTED = "admitted"
        HELD = "held"
        APPROVED = "approved"
        REJECTED = "rejected"

    memcube_id = models.UUIDField()
    version = models.PositiveIntegerField()
    version_id = models.UUIDField()
    space_id = models.UUIDField()
    state = models.CharField(max_length=16, choices=State)
    sealed_verdict = models.BinaryField(null=True)
    source_key = models.BinaryField(max_length=16)
    principal_id = models.UUIDField(null=True)  # who submitted it
    incident_id = models.UUIDField(null=True)
    held_at = models.DateTimeField(null=True)
    waits = models.BooleanField(default=False)  # held only until a part is back: no one's to review yet
    decided_by = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)
    sealed_reason = models.BinaryField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "state", "id"], name="admission_state"),
            models.Index(fields=["tenant_id", "memcube_id"], name="admission_memcube"),
            models.Index(
                fields=["tenant_id", "source_key"], condition=models.Q(state="held"), name="admission_open_source"
            ),
            models.Index(
                fields=["tenant_id", "principal_id"], condition=models.Q(state="held"), name="admission_open_writer"
            ),
            models.Index(
                fields=["tenant_id", "incident_id"],
                condition=models.Q(incident_id__isnull=False),
                name="admission_incident",
            ),
        ]


class Incident(TenantOwned):
    """Held records of one attack, by what is wrong with them and towards which target: reviewed as one.

    `refused` counts submissions turned away because their writer's open holds were at the cap.
    """

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REJECTED = "rejected"

    key = models.BinaryField(max_length=16)  # HMAC of the guard's incident digest; null bytes: the cap's own
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    refused = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(default=now)
    last_at = models.DateTimeField(default=now)
    decided_by = models.UUIDField(null=True)
    decided_at = models.DateTimeField(null=True)
    sealed_reason = models.BinaryField(null=True)


class Retrieval(TenantOwned):
    """What one search handed out: [[id, version, rank, standing], …]. No query, no content."""

    principal_id = models.UUIDField()
    at = models.DateTimeField(default=now)
    hits = models.JSONField()
    withheld = models.PositiveIntegerField(default=0)
    took_ms = models.PositiveIntegerField(null=True)  # from the question to this row, as its process measured it


class RetrievalHit(TenantOwned):
    """One record of one retrieval: the way from a record to the prompts it entered."""

    retrieval_id = models.UUIDField()
    memcube_id = models.UUIDField()
    version = models.PositiveIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "memcube_id", "id"], name="retrieval_latest"),
        ]


class Citation(TenantOwned):
    """What one principal said last of how acting on a memory went: not its writer, and one word each."""

    memcube_id = models.UUIDField()
    principal_id = models.UUIDField()
    success = models.BooleanField()
    at = models.DateTimeField(default=now)


class LegalHold(TenantOwned):
    """Nothing it covers is destroyed. Its name and reasons are sealed under the tenant's record key."""

    class State(models.TextChoices):
        PLACED = "placed"
        RELEASED = "released"

    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=16, choices=State, default=State.PLACED)
    sealed_name = models.BinaryField()
    subject_id = models.UUIDField(null=True)
    space_id = models.UUIDField(null=True)
    memcube_ids = ArrayField(models.UUIDField(), default=list)
    custodians = ArrayField(models.UUIDField(), default=list)
    basis = models.CharField(max_length=32)
    placed_by = models.UUIDField()
    placed_at = models.DateTimeField(default=now)
    released_by = models.UUIDField(null=True)
    released_at = models.DateTimeField(null=True)
    sealed_reason = models.BinaryField(null=True)


class ErasureRequest(TenantOwned):
    """An order to forget: a subject or a selection, planned, approved, run, certified."""

    class State(models.TextChoices):
        PLANNED = "planned"
        APPROVED = "approved"
        RUNNING = "running"
        DONE = "done"
        PARTIAL = "partial"
        EXPIRED = "expired"
        FAILED = "failed"

    state = models.CharField(max_length=16, choices=State, default=State.PLANNED)
    subject_id = models.UUIDField(null=True)
    space_id = models.UUIDField(null=True)
    memcube_ids = ArrayField(models.UUIDField(), default=list)
    source_key = models.BinaryField(max_length=16, null=True)
    basis = models.CharField(max_length=32)
    sealed_reason = models.BinaryField(null=True)
    manifest = models.CharField(max_length=80)
    counts = models.JSONField(default=dict)
    subject_commitment = models.BinaryField(max_length=32, null=True)
    requested_by = models.UUIDField()
    approved_by = ArrayField(models.UUIDField(), default=list)
    created_at = models.DateTimeField(default=now)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    assurance = models.CharField(max_length=2, default="")
    index_assurance = models.CharField(max_length=2, default="")
    certificate_id = models.UUIDField(null=True)


class ErasureItem(TenantOwned):
    """One record an erasure takes, the ids of its versions' keys, and how far that has come."""

    class Step(models.TextChoices):
        PLANNED = "planned"
        FROZEN = "frozen"
        PURGED = "purged"
        HELD = "held"
        RETAINED = "retained"

    request_id = models.UUIDField()
    memcube_id = models.UUIDField()
    relation = models.CharField(max_length=16)  # cascade.Relation
    key_ids = ArrayField(models.UUIDField(), default=list)
    step = models.CharField(max_length=16, choices=Step, default=Step.PLANNED)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "request_id"], name="erasure_item"),
            models.Index(fields=["tenant_id", "memcube_id"], name="erasure_record"),
        ]


class Certificate(TenantOwned):
    """A signed certificate of erasure, as its verifier reads it, but for the log's proofs of `event_ids`."""

    request_id = models.UUIDField()
    signed = models.BinaryField()
    event_ids = ArrayField(models.UUIDField())
    created_at = models.DateTimeField(default=now)


class Operation(TenantOwned):
    """Long work as a client sees it."""

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    kind = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    step = models.CharField(max_length=32, default="")
    result = models.JSONField(null=True)  # ids only
    problem = models.CharField(max_length=64, default="")  # a problem's type
    created_at = models.DateTimeField(default=now)
    finished_at = models.DateTimeField(null=True)
