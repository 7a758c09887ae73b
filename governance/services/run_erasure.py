"""Run an erasure to its end, from wherever a crash may have left it. Needs the eraser's credentials."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from audit.event import Event
from foundation.kernel.clock import now
from foundation.kernel.outbox import enqueue
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from foundation.keyring.kms import Assurance
from foundation.search import generations
from governance import erasure_ledger, forgetting
from governance.certificates import issue
from governance.holds import holds_on
from governance.indexing import indexed, scrub
from governance.measured import Layer, forgets, forgotten
from governance.models import ErasureItem, ErasureRequest, MemCube, Operation, State
from governance.retention import keeping
from governance.services.execute_erasure import STEPS
from guard.lessons import erasing as lessons
from guard.pii import vault
from guard.pii.vault import Doomed

Step = ErasureItem.Step
AT_ONCE = ("named", "derived_sole")
RETRY = timedelta(minutes=1)
LOOK_AGAIN = timedelta(days=7)


class StillThere(RuntimeError):
    """The probe found something of what was erased."""


@forgets
def run_erasure(request_id: UUID, operation_id: UUID | None) -> ErasureRequest:
    """Freeze, destroy, purge, probe, certify. What a hold covers is restricted and kept for the hold's release, what a
    minimum keeps until that has passed."""
    request = _request(request_id)
    doomed = _sort(request)
    _progress(operation_id, "freeze")
    forgetting.freeze(doomed)
    _forgotten(operation_id, Layer.UNREADABLE)
    _note_keys(request, doomed)
    values = _doom_values(request, doomed)
    erasure_ledger.append(request.id, request.subject_id, doomed)
    _progress(operation_id, "destroy")
    destruction, event = _destroy(request, doomed)
    _forgotten(operation_id, Layer.KEYS)
    _forget_lessons(request, doomed)
    _progress(operation_id, "probe")
    _probe(request, doomed, values.kept)
    _forgotten(operation_id, Layer.INDEX)
    _progress(operation_id, "certify")
    finished = _finish(request, destruction, event, operation_id, values.kept)
    _forgotten(operation_id, Layer.CERTIFICATE)
    return finished


def _request(request_id: UUID) -> ErasureRequest:
    with tenant_transaction():
        found: ErasureRequest = ErasureRequest.objects.get(id=request_id)
    return found


def _sort(request: ErasureRequest) -> list[UUID]:
    """Settle each item: held and kept ones and those with a later deadline are restricted; the rest is doomed now."""
    with tenant_transaction():
        items = {item.memcube_id: item for item in ErasureItem.objects.filter(request_id=request.id)}
        living = list(MemCube.objects.filter(id__in=items).exclude(state=State.FORGOTTEN))
        held = holds_on(living)
        exempted = keeping.kept(cube for cube in living if cube.id not in held)
        bound = held.keys() | exempted.keys()
        late = now() >= request.created_at + settings.ERASURE_REDERIVE_WITHIN
        doomed = [
            cube_id for cube_id, item in items.items() if cube_id not in bound and (late or item.relation in AT_ONCE)
        ]
        waiting = [cube_id for cube_id in items if cube_id not in doomed]
        _mark(request, held, exempted)
        _wake_later(request, [cube_id for cube_id in waiting if cube_id not in bound])
    forgetting.restrict(waiting)
    return sorted(doomed)


def _mark(request: ErasureRequest, held: Collection[UUID], exempted: Collection[UUID]) -> None:
    mine = ErasureItem.objects.filter(request_id=request.id)
    mine.filter(step=Step.RETAINED).exclude(memcube_id__in=exempted).update(step=Step.PLANNED)
    mine.filter(memcube_id__in=held).update(step=Step.HELD)
    mine.filter(memcube_id__in=exempted).update(step=Step.RETAINED)


def _at(step: ErasureItem.Step, items: Sequence[ErasureItem]) -> list[UUID]:
    return [item.memcube_id for item in items if item.step == step]


def _wake_later(request: ErasureRequest, waiting: list[UUID]) -> None:
    if waiting:
        _again(request, due=request.created_at + settings.ERASURE_REDERIVE_WITHIN)


def _again(request: ErasureRequest, due: datetime | None = None) -> None:
    """Run the request once more (inside a transaction)."""
    enqueue("erasure.run", {"request": str(request.id), "operation": None}, due=due, queue="forget")


def _note_keys(request: ErasureRequest, doomed: list[UUID]) -> None:
    """Write down which keys die, before the rows that name them do: a run after a crash still gives the evidence."""
    with tenant_transaction():
        found = forgetting.keys_of(doomed)
        for item in ErasureItem.objects.filter(request_id=request.id, memcube_id__in=doomed):
            _note(item, found[item.memcube_id])


def _doom_values(request: ErasureRequest, doomed: list[UUID]) -> Doomed:
    """Take the pseudonyms' values that die with the records and the subject out of the vault; their keys are noted with
    those of the versions."""
    values = forgetting.doom_values(_keys_noted(request, doomed), request.subject_id)
    with tenant_transaction():
        item = ErasureItem.objects.filter(request_id=request.id, memcube_id__in=doomed).order_by("id").first()
        if item is not None:
            _note(item, values.ids)
    return values


def _note(item: ErasureItem, key_ids: Sequence[UUID]) -> None:
    if new := [each for each in key_ids if each not in item.key_ids]:
        item.key_ids = [*item.key_ids, *new]
        item.save(force_update=True)


def _keys_noted(request: ErasureRequest, doomed: list[UUID]) -> list[UUID]:
    with tenant_transaction():
        items = ErasureItem.objects.filter(request_id=request.id, memcube_id__in=doomed)
        return [key for item in items for key in item.key_ids]


def _destroy(request: ErasureRequest, doomed: list[UUID]) -> tuple[keys.Destruction, Event]:
    evidence = forgetting.shred(doomed, _keys_noted(request, doomed), request.subject_id)
    with tenant_transaction():
        forgetting.unname(request.subject_id)
        ErasureItem.objects.filter(request_id=request.id, memcube_id__in=doomed).update(step=Step.PURGED)
    return evidence


def _forget_lessons(request: ErasureRequest, doomed: list[UUID]) -> None:
    """What was learnt from the records, and about the person, goes with them; what waits keeps its lessons."""
    with tenant_transaction():
        items = ErasureItem.objects.filter(request_id=request.id).exclude(memcube_id__in=doomed)
        waiting = list(items.values_list("memcube_id", flat=True))
    lessons.forget(doomed, request.subject_id, spare=waiting)


def _probe(request: ErasureRequest, doomed: list[UUID], kept: int) -> None:
    """Look for what should be gone, in each store; raises `StillThere`. `kept` values are a legal hold's."""
    noted = _keys_noted(request, doomed)
    with tenant_transaction():
        if indexed(doomed) or MemCube.objects.filter(id__in=doomed).exclude(state=State.FORGOTTEN).exists():
            raise StillThere
        if vault.remains(noted, None if kept else request.subject_id):
            raise StillThere


def _finish(
    request: ErasureRequest, destruction: keys.Destruction, event: Event, operation_id: UUID | None, values_held: int
) -> ErasureRequest:
    with tenant_transaction():
        items = list(ErasureItem.objects.filter(request_id=request.id))
        kept = [item for item in items if item.step != Step.PURGED]
        request.state = ErasureRequest.State.PARTIAL if kept or values_held else ErasureRequest.State.DONE
        request.assurance = destruction.assurance
        if destruction.assurance == Assurance.A1:  # an epoch key could not be destroyed yet
            _again(request, due=now() + RETRY)
        request.index_assurance = "A0"  # until the index is re-keyed
        if len(kept) < len(items):
            generations.owe()  # before the time is taken: what is owed since then covers this request
        request.finished_at = now()
        scrub()
        exempted = keeping.kept(MemCube.objects.filter(id__in=_at(Step.RETAINED, items))).values()
        certificate = issue(request, items, destruction, event, values_held=values_held, exempted=exempted)
        request.certificate_id = certificate.id
        request.save(force_update=True)
        if operation_id:
            done = {"state": Operation.State.DONE, "done": len(STEPS), "finished_at": now()}
            result = {"erasure_request_id": str(request.id), "certificate_id": str(certificate.id)}
            Operation.objects.filter(id=operation_id).update(**done, result=result)
    return request


def _forgotten(operation_id: UUID | None, layer: Layer) -> None:
    """Only what was ordered now is measured: a later run, after a hold or a deadline, waited for that."""
    if operation_id:
        forgotten(layer)


def _progress(operation_id: UUID | None, step: str) -> None:
    if operation_id:
        with tenant_transaction():
            running = {"state": Operation.State.RUNNING, "step": step, "done": STEPS.index(step)}
            Operation.objects.filter(id=operation_id).exclude(state=Operation.State.DONE).update(**running)


def resume_after_release() -> None:
    """After a hold's release: what waited for it goes on (inside a transaction)."""
    for request in ErasureRequest.objects.filter(state=ErasureRequest.State.PARTIAL):
        _again(request)


def resume_after_minimum(policies: keeping.Schedule) -> int:
    """What a minimum kept back and these keep no more goes on (inside a transaction); how many requests that is."""
    partial = ErasureRequest.objects.filter(state=ErasureRequest.State.PARTIAL)
    waiting = ErasureItem.objects.filter(request_id__in=partial.values("id"), step=Step.RETAINED)
    still_kept = MemCube.objects.filter(policies.is_kept(now()), id__in=waiting.values("memcube_id"))
    free = waiting.exclude(memcube_id__in=still_kept.values("id"))
    requests = list(partial.filter(Q(id__in=free.values("request_id")) | _only_values_wait()).order_by("id"))
    for request in requests:
        ErasureItem.objects.filter(request_id=request.id, step=Step.RETAINED).update(step=Step.PLANNED)
        _again(request)
    return len(requests)


def _only_values_wait() -> Q:
    """Requests whose records are gone, and of whose subject another record kept a value: looked at again weekly."""
    waiting = ErasureItem.objects.exclude(step=Step.PURGED).values("request_id")
    return Q(subject_id__isnull=False, finished_at__lt=now() - LOOK_AGAIN) & ~Q(id__in=waiting)
