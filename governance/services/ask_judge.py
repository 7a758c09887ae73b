"""Ask the optional judge about a held version, or a disputed one. Run by the worker; decides nothing.

Text leaves the deployment here and nowhere else: only where the operator named a judge and the tenant agreed, only
after a PII pass under the strictest policy whatever the space's own is, and never where that pass, then or now, did not
finish. An event says so before anything is sent.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.outbox import MOST_ATTEMPTS, SLOW, enqueue, enqueue_many
from foundation.kernel.principal import Principal
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from governance import lifecycle, opening
from governance.disputes import matter_of, text_of
from governance.models import Admission, State, Version
from governance.opening import Memory, Row
from governance.revealing import personal
from governance.services.review import UNCLEARED
from guard.models import JudgeOpinion
from guard.optional_judge import opinions
from guard.optional_judge.consent import may_ask
from guard.optional_judge.endpoint import ask
from guard.optional_judge.opinion import Later, Matter, NoOpinion, Opinion, Said
from guard.paths import build_path
from guard.pii.document import flatten, rebuild
from guard.pii.policy import DEFAULT
from guard.pii.pool import redactor
from guard.pii.port import PiiUnavailable, Redaction
from guard.types import Candidate, Episode

About = JudgeOpinion.About
TURN = 60.0
"""Seconds after which a run leaves the rest to the next: an item's lease must outlast its run."""


class Uncleared(Exception):
    """The PII pass did not finish, so nothing is sent; it is tried again."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What is to be asked about, and whether the version is held or disputed."""

    about: About
    memory: Memory
    rival: Memory | None = None

    @property
    def version_id(self) -> UUID:
        return self.memory.version.id


def owe_opinions(version_ids: Sequence[UUID]) -> None:
    """Owe the asking about versions just held, in the transaction that holds them. Costs nothing without a judge."""
    if version_ids and may_ask():
        enqueue_many("guard.judge", [{"version": str(each)} for each in version_ids], queue=SLOW)


def ask_judge(refs: Sequence[dict[str, Any]]) -> None:
    """Ask about each `{version, rival?}` that still wants an opinion. May be repeated; raises what is worth it."""
    ends = time.monotonic() + TURN
    for number, ref in enumerate(refs):
        if time.monotonic() > ends:
            with tenant_transaction():
                enqueue_many("guard.judge", list(refs[number:]), queue=SLOW)
            return
        _ask_about(ref)


def _ask_about(ref: dict[str, Any]) -> None:
    case = _case(ref) if may_ask() else None
    if case is None:
        return
    key = opinions.matter_key(matter_of(case.memory, case.rival))
    heard = opinions.by_key([key]).get(key)
    if heard is not None and not heard.waiting:
        _keep(case, key, heard.opinion)
    elif heard is not None or opinions.room_today():
        try:
            _keep(case, key, _opinion(case))
        except Later as later:
            _put_off(ref, later.seconds)


def _opinion(case: _Case) -> Opinion | None:
    """The judge's opinion, None where its answer was no opinion."""
    matter = Matter(_cleared(case.memory), None if case.rival is None else _cleared(case.rival))
    with tenant_transaction():
        _record(case, "sent")
    try:
        return ask(matter)
    except NoOpinion:
        return None


def _keep(case: _Case, key: bytes, opinion: Opinion | None) -> None:
    """Keep the answer, unless the version was destroyed meanwhile."""
    with tenant_transaction():
        if Version.objects.filter(id=case.version_id).exists():
            opinions.keep(case.version_id, case.about, key, opinion)
            _record(case, opinion.word.value if opinion else "none")


def _record(case: _Case, outcome: str) -> None:
    place, detail = case.memory.place, {"about": case.about.value}
    principal = Principal.system(current_tenant())
    record(principal, Act.JUDGE_ASK, target=Target("memory", *place), outcome=outcome, detail=detail)


def _put_off(ref: dict[str, Any], seconds: int) -> None:
    """The judge told us to wait: that is no failure, but there is an end to it."""
    tries = ref.get("tries", 0) + 1
    if tries < MOST_ATTEMPTS:
        with tenant_transaction():
            enqueue("guard.judge", ref | {"tries": tries}, due=now() + timedelta(seconds=seconds), queue=SLOW)


def _case(ref: dict[str, Any]) -> _Case | None:
    """What the ref asks about, opened; None where it is not wanted any more."""
    rival = ref.get("rival")
    with tenant_transaction(snapshot=True):
        rows = _rows([UUID(each) for each in (ref["version"], rival) if each])
        admission = Admission.objects.filter(version_id=ref["version"]).first()
    wanted = _disputed if rival else _held
    if rows is None or admission is None or not wanted(rows, admission):
        return None
    memories = opening.unseal_existing(rows)
    if len(memories) != len(rows) or _never_cleared(admission):
        return None
    return _Case(About.DISPUTED if rival else About.HELD, *memories)


def _rows(version_ids: Sequence[UUID]) -> list[Row] | None:
    found = {each.id: each for each in Version.objects.filter(id__in=version_ids).only("id", "memcube_id", "number")}
    if len(found) != len(version_ids):
        return None
    rows = opening.rows([(found[each].memcube_id, found[each].number) for each in version_ids])
    return rows if len(rows) == len(version_ids) and not any(row.cube.frozen for row in rows) else None


def _held(rows: list[Row], admission: Admission) -> bool:
    in_sight = rows[0].cube.state in {State.HELD, *lifecycle.SERVED}
    return in_sight and bool(admission.state == Admission.State.HELD)


def _disputed(rows: list[Row], _admission: Admission) -> bool:
    return all(row.cube.state in lifecycle.SERVED for row in rows)


def _never_cleared(admission: Admission) -> bool:
    secret = keys.open_many([admission.version_id]).get(admission.version_id)
    if secret is None:
        return True
    return any(reason.startswith(UNCLEARED) for reason in opening.decision_of(admission, secret)["reasons"])


def _cleared(memory: Memory) -> Said:
    """The record as it may leave: cleared again, strictly, and its path read from what is left. Raises `Uncleared`,
    and `PiiBlocked` never: the policy has no rule that refuses."""
    body = personal(memory.payload)
    redaction = redactor().redact_many([flatten(body)], DEFAULT, key=keys.named("pseudonym"))[0]
    if isinstance(redaction, PiiUnavailable) or not isinstance(redaction, Redaction):
        raise Uncleared
    clean = rebuild(body, redaction)
    candidate = Candidate(
        content=clean["content"],
        kind=memory.cube.kind,
        episode=Episode(**clean["episode"]) if clean["episode"] else None,
        source_type=memory.payload.provenance.source_type,
        speaker=clean["provenance"]["speaker"],
        metadata=clean["metadata"],
    )
    return Said(build_path(candidate), text_of(clean))
