"""`memwrit guard replay`: judge recorded decisions again; the same verdicts must come out."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TextIO
from uuid import UUID

from guard.replay import Bundle, Outcome, Replayed, replay

UNTOLD = {Outcome.EVIDENCE_ERASED, Outcome.OTHER_DETECTOR, Outcome.NOT_JUDGED}


def run(arguments: argparse.Namespace) -> int:
    """From a tenant's records. 0 all the same, 1 some differ, 2 some could not be told and none differs."""
    from foundation.kernel.scope import tenant_scope
    from governance.bundles import bundles
    from memwrit.commands.telling import known_tenant, one_id

    tenant_id = known_tenant(arguments.tenant)
    ids = [one_id(given, "--admission") for given in arguments.admission] or None
    with tenant_scope(tenant_id):
        found = bundles(ids, limit=arguments.limit)
        if not arguments.save:
            return tell(arguments, map(_replayed, found))
        with Path(arguments.save).open("x", encoding="utf-8") as file:
            return tell(arguments, (_saved(each, file) for each in found))


def offline(arguments: argparse.Namespace) -> int:
    """From a file that `--save` wrote: no database, no model, no network."""
    with Path(arguments.bundle).open(encoding="utf-8") as file:
        return tell(arguments, (replay(Bundle.from_json(json.loads(line))) for line in file))


def _replayed(found: Bundle | UUID) -> Replayed:
    if isinstance(found, UUID):
        return Replayed(str(found), Outcome.EVIDENCE_ERASED, "erased")
    return replay(found)


def _saved(found: Bundle | UUID, file: TextIO) -> Replayed:
    if isinstance(found, Bundle):
        file.write(json.dumps(found.to_json()) + "\n")
    return _replayed(found)


def tell(arguments: argparse.Namespace, results: Iterable[Replayed]) -> int:
    """One line for each decision, then how many of each."""
    counts: Counter[Outcome] = Counter()
    for each in results:
        counts[each.outcome] += 1
        line = f"{each.admission_id}  {each.recorded:<7} {each.outcome} {' '.join(each.differences)}".rstrip()
        print(json.dumps(asdict(each)) if arguments.json else line)
    print(
        ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nothing to replay",
        file=sys.stderr,
    )
    if counts[Outcome.DIFFERENT]:
        return 1
    return 2 if any(counts[outcome] for outcome in UNTOLD) else 0
