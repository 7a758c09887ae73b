"""`memwrit reindex`: a new generation of the search index beside the one in use, filled from PostgreSQL, checked, asked
from then on; the old one and its key go. The same with `--embedder` swaps the embedder. Searches and writes go on."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from tqdm import tqdm

from foundation.kernel.clock import now, rfc3339
from foundation.kernel.problems import InProgress
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search import embedders, generations
from foundation.search.models import Swap
from governance import indexing
from governance.services import swap_index
from memwrit.commands.telling import Refused, chosen_tenants

HANDED_OVER = timedelta(minutes=5)
"""After this the worker goes on with what this command began, whether or not the command is still alive."""
State = Swap.State


def run(arguments: argparse.Namespace) -> int:
    """0 when every tenant's new generation is in use; 1 when one was stopped, and the old one stays."""
    tenants = chosen_tenants(arguments)
    if arguments.status:
        return _tell_status(tenants, arguments)
    if arguments.stop:
        return _stop(tenants, arguments)
    _known(arguments.embedder)
    begun = [(tenant_id, swap) for tenant_id in tenants if (swap := _switched(tenant_id, arguments))]
    ended = [_ended(tenant_id, swap, arguments) for tenant_id, swap in begun]
    return 1 if any(swap.state in (State.STOPPED, State.DISCARDING) for swap in ended) else 0


def status(tenant_id: UUID) -> dict[str, Any]:
    """Which generations a tenant's index has, and how far its last swap has come. Counts, names and times."""
    with tenant_scope(tenant_id), tenant_transaction():
        live, swap = generations.rows(), swap_index.latest()
    told: dict[str, Any] = {"tenant_id": str(tenant_id)}
    told["generations"] = [
        {
            "number": row.number,
            "embedder": row.embedder,
            "state": row.state,
            "owed_since": row.owed_since and rfc3339(row.owed_since),
        }
        for row in live
    ]
    return told | {"swap": swap and _told(swap)}


def _told(swap: Swap) -> dict[str, Any]:
    return {
        "id": str(swap.id),
        "cause": swap.cause,
        "state": swap.state,
        "old": swap.old,
        "new": swap.new,
        "done": swap.done,
        "of": swap.total,
        "percent": _percent(swap),
        "embedded": swap.embedded,
        "questions": swap.questions,
        "alike": swap.alike,
        "found_before": swap.found_before,
        "found_after": swap.found_after,
        "failure": swap.failure,
        "begun_at": rfc3339(swap.begun_at),
        "changed_at": rfc3339(swap.changed_at),
        "finished_at": swap.finished_at and rfc3339(swap.finished_at),
    }


def _percent(swap: Swap) -> int:
    return 100 if swap.state not in (State.FILLING,) or not swap.total else min(100 * swap.done // swap.total, 99)


def _tell_status(tenants: list[UUID], arguments: argparse.Namespace) -> int:
    for tenant_id in tenants:
        told = status(tenant_id)
        print(json.dumps(told) if arguments.json else "\n".join(_lines(told)))
    return 0


def _lines(told: dict[str, Any]) -> Iterator[str]:
    yield told["tenant_id"]
    for one in told["generations"]:
        owed = f", a new key is owed since {one['owed_since']}" if one["owed_since"] else ""
        yield f"  generation {one['number']}: {one['state']}, {one['embedder']}{owed}"
    if swap := told["swap"]:
        yield f"  {_line(swap)}, since {swap['begun_at']}"


def _line(swap: dict[str, Any]) -> str:
    failure = f" ({swap['failure']})" if swap["failure"] else ""
    filled = f"{swap['done']} of {swap['of']} records, {swap['embedded']} embedded anew"
    answers = (
        f"{swap['alike']} of {swap['questions']} answers alike, found {swap['found_before']}/{swap['found_after']}"
    )
    return f"{swap['old']} -> {swap['new']} {swap['state']}{failure}: {filled}; {answers}"


def _stop(tenants: list[UUID], arguments: argparse.Namespace) -> int:
    for tenant_id in tenants:
        with tenant_scope(tenant_id):
            swap = swap_index.latest()
            if swap and swap_index.stop(swap.id):
                _ended(tenant_id, swap, arguments)
    return 0


def _known(embedder: str) -> None:
    try:
        embedders.chosen(embedder)
    except embedders.UnknownEmbedder as unknown:
        raise Refused(str(unknown)) from None


def _switched(tenant_id: UUID, arguments: argparse.Namespace) -> Swap | None:
    """Begin, or take up what is open, and go on until the new generation is asked; None where nothing is indexed."""
    with tenant_scope(tenant_id):
        indexing.restore()
        if not generations.live():
            return None
        swap = _begun(arguments)
        with tqdm(total=swap.total, desc=str(tenant_id), disable=arguments.json or not sys.stderr.isatty()) as bar:
            while swap.state in (State.FILLING, State.CHECKING):
                swap = swap_index.advance(swap.id)
                bar.update(swap.done - bar.n)
                _say(tenant_id, swap, arguments, only_json=True)
        return swap


def _begun(arguments: argparse.Namespace) -> Swap:
    asked = {"embedder": arguments.embedder, "due": now() + HANDED_OVER}
    if arguments.least is not None:
        asked["least"] = round(arguments.least * 1000)
    try:
        return swap_index.begin(Swap.Cause.OPERATOR, **asked)
    except InProgress:
        last = swap_index.latest()
        if last is None or arguments.embedder:
            raise
        return last


def _ended(tenant_id: UUID, swap: Swap, arguments: argparse.Namespace) -> Swap:
    """Let the old generation drain, then drop it; where this process may not destroy keys the worker does it."""
    with tenant_scope(tenant_id):
        while swap.state in swap_index.OPEN and "keyring_eraser" in settings.DATABASES:
            time.sleep(max((swap_index.next_due(swap) - now()).total_seconds(), 0.0))
            swap = swap_index.advance(swap.id)
        _say(tenant_id, swap, arguments)
    return swap


def _say(tenant_id: UUID, swap: Swap, arguments: argparse.Namespace, *, only_json: bool = False) -> None:
    told = _told(swap)
    if arguments.json:
        print(json.dumps({"tenant_id": str(tenant_id), **told}), flush=True)
    elif not only_json:
        print(f"{tenant_id}  {_line(told)}")
