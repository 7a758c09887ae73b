"""The base of every tenant's table, the registry of tenants, and the outbox of work."""

from typing import Any

from django.db import models

from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.scope import current_tenant, current_work


class TenantManager(models.Manager[Any]):
    """Rows of the tenant in scope, inside its transaction and nowhere else."""

    def get_queryset(self) -> models.QuerySet[Any]:
        work = current_work()
        return super().get_queryset().using(work.using).filter(tenant_id=work.tenant_id)


class TenantOwned(models.Model):
    """A row that belongs to one tenant. The database's key is (tenant_id, id): see `IsolateByTenant`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField(default=current_tenant, editable=False)

    objects = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("using", current_work().using)
        super().save(*args, **kwargs)


class Registry(models.Model):
    """Every tenant's id and state: read by jobs that open a scope for each. No row-level security; nothing but ids."""

    class State(models.TextChoices):
        ACTIVE = "active"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)


class Due(models.DateTimeField):  # type: ignore[type-arg]
    """A time; None is stored as the database's own present. Who is owed something need not trust the clock of whoever
    owes it: by one that is ahead, an erasure would begin that much later."""

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        return "COALESCE(%s, statement_timestamp())"

    def deconstruct(self) -> Any:
        """The column is a plain one."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs


class WorkItem(TenantOwned):
    """Work owed after a change, written in the change's transaction. `ref` holds ids, never content.

    Until `due` nobody takes it: it waits for its time, for a message to reach a worker, or for its runner to be done.
    """

    class State(models.TextChoices):
        DUE = "due"
        DEAD = "dead"

    kind = models.CharField(max_length=64)
    queue = models.CharField(max_length=16, default="index")
    ref = models.JSONField()
    due = Due(default=now)
    runner = models.UUIDField(null=True)  # who is at it; gone with its claim
    attempts = models.PositiveIntegerField(default=0)  # runs that began and were not told to have ended well
    state = models.CharField(max_length=16, choices=State, default=State.DUE)
    failure = models.CharField(max_length=64, default="")  # the exception's class, never its text
    trace = models.CharField(max_length=55, null=True)  # the W3C trace context it was owed in, hex digits
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(fields=["queue", "due"], condition=models.Q(state="due"), name="work_due"),
            models.Index(fields=["queue", "tenant_id", "due"], condition=models.Q(state="due"), name="work_turn"),
        ]
