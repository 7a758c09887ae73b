"""What falls due by time rather than by a request: keys whose rotation was interrupted, expiries, old day keys."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from uuid import UUID

log = logging.getLogger("memwrit.upkeep")

# `module:function`, called in each active tenant's scope, every so many seconds. Each is idempotent.
DUTIES: dict[str, float] = {}
_last: dict[str, float] = {}


def run_due() -> int:
    """Run what is due, for every tenant; returns 0: nothing is ever left over for at once."""
    for name, every in DUTIES.items():
        now = time.monotonic()
        if now - _last.get(name, -every) >= every:
            _last[name] = now
            _for_each_tenant(name, _function(name))
    return 0


def _function(name: str) -> Callable[[], object]:
    module, _, function = name.partition(":")
    found: Callable[[], object] = getattr(import_module(module), function)
    return found


def _for_each_tenant(name: str, duty: Callable[[], object]) -> None:
    """One tenant's failure holds up no other."""
    from foundation.kernel.scope import tenant_scope

    for tenant_id in _tenants():
        try:
            with tenant_scope(tenant_id):
                duty()
        except Exception:
            log.exception("%s failed", name)


def _tenants() -> Iterator[UUID]:
    from foundation.kernel.models import Registry

    return iter(list(Registry.objects.filter(state=Registry.State.ACTIVE).values_list("id", flat=True)))
