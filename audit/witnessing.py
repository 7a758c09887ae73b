"""Having the directory log cosigned by the witnesses that the operator names, and what came of it.

The directory's leaves are the checkpoints of every tenant's log, so one cosignature vouches for all of them. What a
witness signed is kept as it came and checked again whenever it is shown; a row says nothing by being there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit import selectors
from audit.cosignatures import SIZE_TYPE, Cosigner, cosigned, request_of, with_lines
from audit.merkle import leaf_hash
from audit.models import Entry, Witnessed
from audit.notes import Checkpoint, NoteError, Proof
from audit.origin import DIRECTORY, own_checkpoint
from foundation.egress import Answer, Client, EgressError, Use
from foundation.kernel.clock import now
from foundation.kernel.problems import NotSequenced
from foundation.kernel.scope import tenant_scope, tenant_transaction

EVERY = timedelta(seconds=15)
"""A witness is asked at most so often, by all processes together."""
AHEAD = timedelta(minutes=5)
"""How far in the future a cosignature may be before its witness's clock is not believed."""
ATTEMPTS = 3
"""Another process may have had more signed meanwhile."""
State = Witnessed.State
BROKEN = frozenset({State.FORKED, State.BEHIND})
"""What no network explains: the witness has signed another log than this, or a longer one."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Witness:
    """A cosigner and the prefix of the addresses it is asked at."""

    cosigner: Cosigner
    url: str

    @property
    def id(self) -> UUID:
        """Of the row that says what came of it: another key is another witness."""
        return uuid5(NAMESPACE_URL, self.cosigner.vkey)


def witnesses() -> list[Witness]:
    """Those of `WITNESSES` (`vkey=url`); raises `ImproperlyConfigured`, or `EgressRefused` for an address that no
    request may reach."""
    return [_witness(entry) for entry in settings.WITNESSES]


def _witness(entry: str) -> Witness:
    vkey, _, url = entry.partition("=")
    try:
        cosigner = Cosigner.parse(vkey)
    except NoteError as error:
        raise ImproperlyConfigured(f"WITNESSES: {error}") from None
    Client(Use.WITNESS).check(url)
    return Witness(cosigner, url.rstrip("/"))


def ask_all() -> int:
    """Have every witness sign the published directory, if it has grown; 0, for nothing is left to do at once."""
    for witness in witnesses():
        with tenant_scope(DIRECTORY):
            _ask(witness)
    return 0


class _Refused(Exception):
    """Nothing was cosigned; `state` says why."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


def _ask(witness: Witness) -> None:
    old = _due(witness)
    if old is None:
        return
    try:
        note = _cosignature(witness, old)
    except _Refused as refused:
        if refused.state in BROKEN:
            log.error("a witness does not follow the directory log: %s", refused.state.value)
        _keep(witness, state=refused.state)
        return
    size, at = own_checkpoint(note, DIRECTORY).size, cosigned(note, witness.cosigner).at
    _keep(witness, state=State.COSIGNED, note=note, size=size, cosigned_at=datetime.fromtimestamp(at, UTC))


def _due(witness: Witness) -> int | None:
    """The size it last signed, as far as we know, if it is to be asked now; that it was is noted."""
    with tenant_transaction():
        try:
            size = selectors.published(fresh=True).size
        except NotSequenced:
            return None
        blank = Witnessed(id=witness.id, state=State.UNASKED, asked_at=now() - EVERY)
        Witnessed.objects.bulk_create([blank], ignore_conflicts=True)
        row = Witnessed.objects.select_for_update().get(id=witness.id)
        signed = row.size if row.state == State.COSIGNED else -1
        if size == signed or row.asked_at > now() - EVERY:
            return None
        Witnessed.objects.filter(id=witness.id).update(asked_at=now())
        return int(row.size)


def _cosignature(witness: Witness, old: int) -> str:
    """The published checkpoint with the witness's signature; raises `_Refused`. Not inside `tenant_transaction`."""
    for _ in range(ATTEMPTS):
        note, path = _extension(old)
        answer = _post(witness, request_of(old, path, note))
        if answer.status == 200:
            return _accepted(witness, note, answer)
        known = _size(answer)
        if answer.status == 422 or (answer.status == 409 and known in (None, old)):
            raise _Refused(State.FORKED)  # it does not extend what the witness signed, or is another of that size
        if known is None:
            raise _Refused(State.DECLINED)
        old = known
    raise _Refused(State.DECLINED)


def _extension(old: int) -> tuple[str, list[bytes]]:
    """The published checkpoint, and the proof that it extends the first `old` leaves."""
    with tenant_transaction():
        pin = selectors.published(fresh=True)
        if old > pin.size:
            raise _Refused(State.BEHIND)
        if old == 0:
            return pin.note, []
        _, path, note = selectors.consistency(old)
        return note, path


def _post(witness: Witness, body: bytes) -> Answer:
    try:
        headers = {"content-type": "text/plain; charset=utf-8"}
        return Client(Use.WITNESS).request("POST", f"{witness.url}/add-checkpoint", headers=headers, body=body)
    except EgressError:
        raise _Refused(State.UNREACHED) from None


def _size(answer: Answer) -> int | None:
    """The size of what the witness signed last, where that is what it answers."""
    kind, told = answer.headers.get("content-type", "").partition(";")[0].strip(), answer.body.strip()
    sized = answer.status == 409 and kind == SIZE_TYPE and told.isdigit() and len(told) < 19
    return int(told) if sized else None


def _accepted(witness: Witness, note: str, answer: Answer) -> str:
    """The note with the one line that the witness was asked for; whatever else it answered is left out."""
    try:
        found = cosigned(with_lines(note, answer.body.decode()), witness.cosigner)
    except (NoteError, UnicodeDecodeError):
        raise _Refused(State.UNPROVEN) from None
    if found.at > (now() + AHEAD).timestamp():
        raise _Refused(State.UNPROVEN)
    return note + found.line


def _keep(witness: Witness, **fields: Any) -> None:
    with tenant_transaction():
        Witnessed.objects.filter(id=witness.id).update(**fields)


# --- what is shown ---


@dataclass(frozen=True, slots=True)
class Standing:
    """What a witness last made of the directory log, checked just now. `note` is "" as long as it has signed nothing.

    `covers`: of a tenant's log, how many entries stand under what was signed; `proof` shows it (a tlog-proof whose
    extra data is the leaf, the tenant's own checkpoint).
    """

    name: str
    state: State
    asked_at: datetime | None = None
    note: str = ""
    size: int = 0
    cosigned_at: datetime | None = None
    covers: int | None = None
    proof: str = ""


def directory() -> str:
    """The directory log's published checkpoint, as it is signed; "" while there is none. Not inside a transaction."""
    with tenant_scope(DIRECTORY), tenant_transaction():
        try:
            return selectors.published(fresh=True).note
        except NotSequenced:
            return ""


def standings(tenant: UUID) -> list[Standing]:
    """Every witness, with what it says of one tenant's log. Not inside `tenant_transaction`."""
    with tenant_scope(DIRECTORY), tenant_transaction():
        rows = {row.id: row for row in Witnessed.objects.all()}
        return [_standing(witness, rows.get(witness.id), tenant) for witness in witnesses()]


def _standing(witness: Witness, row: Witnessed | None, tenant: UUID) -> Standing:
    name = witness.cosigner.name
    if row is None or not row.note:
        return Standing(name, State(row.state), row.asked_at) if row else Standing(name, State.UNASKED)
    try:
        checkpoint, signed = own_checkpoint(row.note, DIRECTORY), cosigned(row.note, witness.cosigner)
    except NoteError:
        return Standing(name, State.UNPROVEN, row.asked_at)
    covers, proof = _covered(tenant, checkpoint, row.note)
    at = datetime.fromtimestamp(signed.at, UTC)
    return Standing(name, State(row.state), row.asked_at, row.note, checkpoint.size, at, covers, proof)


def _covered(tenant: UUID, checkpoint: Checkpoint, note: str) -> tuple[int | None, str]:
    """The tenant's newest checkpoint among the first leaves of the directory: its size, and the proof."""
    leaf = Entry.objects.filter(target_id=tenant, index__lt=checkpoint.size).order_by("-index").first()
    if leaf is None:
        return None, ""
    entry = bytes(leaf.entry)
    path = selectors.leaf_path(leaf_hash(entry), leaf.index, checkpoint.size, checkpoint.root)
    try:
        own = own_checkpoint(entry.decode(), tenant)
    except (NoteError, UnicodeDecodeError):  # of a generation before
        return None, ""
    return own.size, Proof(leaf.index, tuple(path), note, entry).text()
