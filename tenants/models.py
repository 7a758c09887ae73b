"""Who: tenants, principals, credentials, people, quotas. Names are staff's (the clear list); e-mail is sealed."""

from __future__ import annotations

from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.models import TenantOwned
from foundation.kernel.principal import PrincipalKind, Role

KINDS = [(kind.value, kind.value) for kind in PrincipalKind]
ROLES = [(role.value, role.value) for role in Role if role is not Role.OPERATOR]


class Tenant(TenantOwned):
    """What the tenant says of itself. `id` is the tenant's own; its state stands in the kernel's registry."""

    name = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=now)


class PrincipalRecord(TenantOwned):
    """One who may act: a person, an agent or a service. Credentials name it; it outlives them."""

    kind = models.CharField(max_length=16, choices=KINDS)
    name = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=now)
    created_by = models.UUIDField()
    disabled_at = models.DateTimeField(null=True)


class ApiKey(TenantOwned):
    """One credential of a principal: the hash of its secret, its role and its reach. `spaces` empty means all."""

    key_id = models.CharField(max_length=16)  # the public part that stands in the credential
    digest = models.BinaryField(max_length=32)  # SHA-256 of a 256-bit secret: nothing to stretch
    principal_id = models.UUIDField()
    name = models.CharField(max_length=64)
    role = models.CharField(max_length=16, choices=ROLES)
    spaces = ArrayField(models.UUIDField(), default=list)
    rev = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    created_by = models.UUIDField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    rotated_from = models.UUIDField(null=True)


class Person(TenantOwned):
    """A principal who signs in. `id` names the key the e-mail is sealed under."""

    principal_id = models.UUIDField()
    role = models.CharField(max_length=16, choices=ROLES)
    spaces = ArrayField(models.UUIDField(), default=list)
    sealed_email = models.BinaryField()
    email_lookup = models.BinaryField(max_length=32)  # keyed hash of the folded address
    password = models.BinaryField(null=True)  # argon2id, encoded; null: signs in elsewhere
    rev = models.PositiveIntegerField(default=0)  # counts the changes of role and reach
    created_at = models.DateTimeField(default=now)


class Session(TenantOwned):
    """One sign-in of a person. Its secret is in the browser's cookie and nowhere else."""

    class Via(models.TextChoices):
        PASSWORD = "password"  # noqa: S105 — the way, not a secret
        OIDC = "oidc"

    person_id = models.UUIDField()
    digest = models.BinaryField(max_length=32)  # of the secret and the browser it was given to (`tenants.tickets`)
    via = models.CharField(max_length=16, choices=Via)
    created_at = models.DateTimeField(default=now)
    used_at = models.DateTimeField(default=now)
    fresh_until = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)


class Attempt(TenantOwned):
    """What was lately tried by one name (a keyed hash is the `id`), as the moment when all of it is forgotten. Rows of
    tries that name no tenant stand under the platform's own."""

    full_at = models.DateTimeField()

    class Meta(TenantOwned.Meta):
        abstract = False
        indexes = [models.Index(fields=["tenant_id", "full_at"], name="attempts_forgotten")]


class IdentityProvider(TenantOwned):
    """Where a tenant's people may sign in beside the password; one row, `id` is the tenant's. All of it is sealed."""

    sealed = models.BinaryField()  # issuer, client id, client secret, e-mail domains (`tenants.oidc.Provider`)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=now)


class Resource(StrEnum):
    """What a quota may bound. Names ending in `_per_day` count within one UTC day, the others altogether."""

    MEMORIES = "memories"
    SPACES = "spaces"
    API_KEYS = "api_keys"
    WRITES_PER_DAY = "writes_per_day"
    SEARCHES_PER_DAY = "searches_per_day"

    @property
    def daily(self) -> bool:
        return self.value.endswith("_per_day")


RESOURCES = [(resource.value, resource.value) for resource in Resource]


class Quota(TenantOwned):
    """The most of one resource a tenant may have. No row, or a null ceiling: unbounded."""

    resource = models.CharField(max_length=32, choices=RESOURCES)
    ceiling = models.PositiveBigIntegerField(null=True)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(default=now)


class Usage(TenantOwned):
    """How much of a resource was used in a period, in stripes, so that writers do not queue for one row."""

    resource = models.CharField(max_length=32, choices=RESOURCES)
    period = models.CharField(max_length=10, default="")  # an ISO date, or nothing
    stripe = models.PositiveSmallIntegerField()
    used = models.BigIntegerField(default=0)
