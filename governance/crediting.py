"""What a verdict leaves behind beside the record: who has spoken, whom that bears out, which incident it belongs to.

Inside the transaction that writes the record.
"""

from collections import defaultdict
from collections.abc import Sequence

from governance.evidence import Shown
from governance.incidents import open_incidents
from governance.judging import Judged
from governance.models import Admission
from guard.claims import Relation, compare
from guard.models import Voice
from guard.standing import NEW_SOURCE
from guard.trust import Kind, Speaker, new_voices, note_outcomes
from guard.types import Decision, Path


def credit(judged: Sequence[tuple[Judged, Admission]]) -> list[Voice]:
    """Note what is corroborated, and the incidents of what is held (set on the admissions). Returns the voices that are
    new, for the caller to insert after this, with `ignore_conflicts`: none is ever taken away."""
    borne_out: dict[Speaker, set[str]] = defaultdict(set)
    for each, _ in judged:
        if each.verdict.decision is Decision.ADMIT:
            for speaker in corroborated(each.verdict.path, each.shown):
                borne_out[speaker].add(each.shown.speaker[0].hex())
    note_outcomes(borne_out, Kind.CORROBORATED)
    _join_incidents([(each, admission) for each, admission in judged if each.incident_key and admission.held_at])
    return new_voices(each.shown.speaker for each, _ in judged if not each.shown.known)


def corroborated(path: Path, shown: Shown) -> set[Speaker]:
    """Whom an established writer bears out: independent voices that said the same before. Repeating what others said
    earns nothing, and a new writer's agreement gives nothing."""
    if shown.trust <= NEW_SOURCE:
        return set()
    return {
        speaker
        for item in shown.evidence.items
        if (speaker := shown.independent.get(item.ref)) and compare(path, item.path).relation is Relation.AGREE
    }


def _join_incidents(held: Sequence[tuple[Judged, Admission]]) -> None:
    ids = open_incidents(each.incident_key for each, _ in held if each.incident_key)
    for each, admission in held:
        admission.incident_id = ids.get(each.incident_key or b"")
