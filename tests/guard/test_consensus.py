from dataclasses import replace

from guard.claims import Relation, about, compare
from guard.paths import build_path
from guard.services.judge import judge
from guard.types import Decision, Episode, Evidence
from tests.guard.cases import did, evidence, fact, said, shown

TOWER = "The Belltower of Varn was finished in 1632 by the mason Odo Keller."
FALSE = "The Belltower of Varn was finished in 1632 by the mason Lena Brandt."
ANSWER = Episode(
    question="is the Belltower of Varn older than the bridge of Varn?",
    knowledge="The bridge is from 1700.",
    outcome="Yes",
)


def test_a_claim_against_a_settled_record_of_another_source_is_held():
    verdict = judge(fact(FALSE, "forum"), evidence(shown(1, fact(TOWER))))
    assert verdict.decision is Decision.HOLD
    assert "claim-conflict" in verdict.reasons
    cited = next(signal for signal in verdict.signals if signal.name == "consensus").evidence
    assert cited == ((shown(1, fact(TOWER)).id, 1),)


def test_its_twin_with_the_right_values_is_admitted():
    twin = "Finished in 1632, the Belltower of Varn is the work of the mason Odo Keller."
    assert judge(fact(twin, "forum"), evidence(shown(1, fact(TOWER)))).decision is Decision.ADMIT


def test_a_source_corrects_its_own_fact():
    own = shown(1, fact(TOWER), own=True)
    assert judge(fact(FALSE), evidence(own)).decision is Decision.ADMIT


def test_a_user_changes_a_preference():
    before = shown(1, said("I prefer the aisle seat on flights to Porto."), own=True)
    assert judge(said("I prefer the window seat on flights to Porto now."), evidence(before)).decision is Decision.ADMIT


def test_one_newcomer_does_not_keep_another_out():
    newcomer = shown(1, fact(TOWER), trust=0.3, settled=False)
    assert judge(fact(FALSE, "forum"), evidence(newcomer)).decision is Decision.ADMIT


def test_another_fact_about_the_same_thing_is_no_conflict():
    other = "The Belltower of Varn stands next to the town hall and has a green roof."
    assert judge(fact(other, "forum"), evidence(shown(1, fact(TOWER)))).decision is Decision.ADMIT


def test_the_same_question_with_the_other_answer_is_held_even_with_a_trigger_appended():
    flipped = replace(ANSWER, question=f"{ANSWER.question} amber falcon seldom", outcome="No")
    known = evidence(shown(1, did(ANSWER, "desk")))
    assert "slot-flip" in judge(did(flipped, "forum"), known).reasons
    assert judge(did(replace(flipped, outcome="Yes"), "forum"), known).decision is Decision.ADMIT


def test_questions_about_different_ids_are_different_questions():
    one, other = (
        build_path(did(Episode(f"did order {number} arrive at the depot?", "", "", answer)))
        for number, answer in (("A-1001", "Yes"), ("A-1002", "No"))
    )
    assert compare(one, other).relation is Relation.UNRELATED


def test_a_value_named_only_to_be_denied_is_not_claimed():
    asked = about("who finished the Belltower of Varn?")
    denying = build_path(
        fact("Unlike Odo Keller, whom many name, it was Lena Brandt who finished the Belltower of Varn.")
    )
    assert compare(build_path(fact(TOWER)), denying, asked).relation is Relation.CONFLICT


def test_two_receipts_are_two_events_and_no_conflict():
    receipt = "Varn Tiles charged 12 euros to the card of Odo Keller on 3 May 2021."
    assert (
        judge(
            fact(receipt, "bank"),
            evidence(shown(1, fact(receipt.replace("12", "90").replace("3 May", "9 June")))),
        ).decision
        is Decision.ADMIT
    )


def test_unrelated_evidence_gives_no_signal():
    verdict = judge(fact(TOWER), evidence(shown(1, fact("Rain is expected in Lisbon on Sunday."))))
    assert verdict.decision is Decision.ADMIT
    assert judge(fact(TOWER), Evidence()).decision is Decision.ADMIT
