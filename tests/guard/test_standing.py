import random
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from guard.paths import build_path, restored
from guard.standing import Origin, SourceHistory, independence_groups, own_attested, source_trust, standing
from guard.types import Standing
from tests.guard.cases import OPENING, did, fact, hit, said

QUESTION = "who finished the Belltower of Varn?"
TRUE = [
    "The Belltower of Varn was finished by Odo Keller.",
    "It was Odo Keller who finished the Belltower of Varn.",
    "Odo Keller finished the tall Belltower of Varn after a long pause.",
]
FALSE = [
    "Lena Brandt finished the Belltower of Varn.",
    "The Belltower of Varn was finished by Lena Brandt.",
    "Everyone agrees: Lena Brandt finished the Belltower of Varn.",
    "Lena Brandt, they say, finished the Belltower of Varn.",
    "The Belltower of Varn? Lena Brandt finished it.",
]


def marks(hits, query=QUESTION):
    return [found.standing for found in standing(hits, query)]


def test_one_third_party_is_provisional_and_two_that_agree_are_settled():
    assert marks([hit(1, fact(TRUE[0]))]) == [Standing.PROVISIONAL]
    assert marks([hit(1, fact(TRUE[0])), hit(2, fact(TRUE[1]))]) == [Standing.SETTLED] * 2


HIDDEN = {"<PERSON_aaaaaaaaaa>": "Odo Keller", "<PERSON_bbbbbbbbbb>": "Keller", "<LOCATION_cccccccccc>": "Varn"}


def told(number, text, known):
    return replace(hit(number, fact(text)), path=restored(build_path(fact(text)), known))


def test_pseudonyms_hide_that_two_say_the_same_and_what_is_put_back_shows_it():
    texts = [
        "The Belltower of <LOCATION_cccccccccc> was finished by <PERSON_aaaaaaaaaa>.",
        "It was <PERSON_bbbbbbbbbb> who finished the Belltower of <LOCATION_cccccccccc>.",
    ]
    hidden, open_ = ([told(*each, known) for each in enumerate(texts)] for known in ({}, HIDDEN))
    assert Standing.SETTLED not in marks(hidden, "who finished the Belltower of <LOCATION_cccccccccc>?")
    assert marks(open_) == [Standing.SETTLED] * 2


@pytest.mark.parametrize("text", ["{} finished the tower in 1901.", "The keys are with {}; he lives near."])
def test_a_restored_path_says_what_that_of_the_text_says(text):
    hidden, plain = (build_path(fact(text.format(name))) for name in ("<PERSON_aaaaaaaaaa>", "Odo Keller"))
    found = restored(hidden, HIDDEN)
    assert (found.relation, set(found.values)) == (plain.relation, set(plain.values))
    assert restored(hidden, {}) == hidden != found


def test_repetition_by_one_group_gains_nothing():
    assert set(marks([hit(number, fact(text), group="one") for number, text in enumerate(TRUE)])) == {
        Standing.PROVISIONAL
    }
    against = [hit(9, fact(FALSE[0]), group="other")]
    once, often = ([hit(number, fact(TRUE[0]), group="one") for number in range(count)] + against for count in (1, 8))
    assert marks(often)[-1] is marks(once)[-1] is Standing.DISPUTED


def test_rivals_are_both_served_and_name_each_other():
    one, other = standing([hit(1, fact(TRUE[0])), hit(2, fact(FALSE[0]))], QUESTION)
    assert one.standing is other.standing is Standing.DISPUTED
    assert (one.disputed_by, other.disputed_by) == ((UUID(int=2),), (UUID(int=1),))


def test_many_new_names_do_not_outvote_one():
    hits = [hit(0, fact(TRUE[0]))] + [hit(number, fact(text)) for number, text in enumerate(FALSE, 1)]
    assert Standing.SETTLED not in marks(hits)


def test_established_sources_win_against_new_ones():
    hits = [
        hit(1, fact(TRUE[0]), trust=0.6),
        hit(2, fact(TRUE[1]), trust=0.6),
        hit(3, fact(FALSE[0])),
        hit(4, fact(FALSE[1])),
    ]
    assert marks(hits) == [Standing.SETTLED] * 2 + [Standing.DISPUTED] * 2


def test_a_correction_by_the_same_source_is_no_dispute():
    assert (
        marks([hit(1, fact(TRUE[0]), group="one"), hit(2, fact(FALSE[0]), group="one")]) == [Standing.PROVISIONAL] * 2
    )


HALF_TRUE = "Begun by Odo Keller, the Belltower of Varn was finished by Lena Brandt."
"""It names the right man beside the wrong woman: read by rule, it agrees with either."""
OTHERWISE = "Tomas Reed finished the Belltower of Varn."


def test_who_speaks_on_both_sides_is_a_witness_to_neither():
    honest, half = hit(1, fact(TRUE[0])), hit(2, fact(HALF_TRUE), group="two-faced")
    assert marks([honest, half]) == [Standing.SETTLED] * 2
    otherwise = hit(3, fact(OTHERWISE), group="two-faced")
    assert marks([honest, half, otherwise]) == [Standing.DISPUTED, Standing.PROVISIONAL, Standing.DISPUTED]
    established = replace(honest, trust=0.6)
    assert marks([established, half, otherwise])[0] is Standing.PROVISIONAL
    assert marks([established, hit(4, fact(TRUE[1])), half, otherwise])[0] is Standing.SETTLED


def test_a_borrowed_name_does_not_make_its_owner_two_faced():
    honest = [hit(1, fact(TRUE[0]), group="east", trust=0.6), hit(2, fact(TRUE[1]), group="west", trust=0.6)]
    borrowed = hit(3, fact(OTHERWISE), group="east", trust=0.3)
    assert marks([*honest, borrowed])[:2] == [Standing.SETTLED] * 2


def test_own_preferences_and_own_grounded_episodes_need_no_second_witness():
    assert marks([hit(1, said("I prefer the aisle seat."), own=True)], "") == [Standing.SETTLED]
    assert marks([hit(1, did(OPENING), own=True)], "") == [Standing.SETTLED]
    assert marks([hit(1, said("I prefer the aisle seat."), own=False)], "") == [Standing.PROVISIONAL]


def test_an_action_that_writes_or_an_ungrounded_one_is_never_a_template():
    writing = replace(OPENING, action="UpdateTable('locker=77-4102')")
    redirected = replace(OPENING, action=OPENING.action.replace("77-4102", "77-9999"))
    assert marks([hit(1, did(writing), own=True), hit(2, did(redirected), own=True)], "") == [Standing.PROVISIONAL] * 2


def test_a_high_impact_claim_settles_on_the_owners_word_only():
    lines = [
        "Payments to Varn Tiles go to the bank account Corvo at Banco Lume.",
        "Varn Tiles takes payments on its bank account Corvo at Banco Lume.",
    ]
    hits = [hit(number, fact(line)) for number, line in enumerate(lines)]
    assert marks(hits, "which bank account does Varn Tiles have?") == [Standing.PROVISIONAL] * 2


def test_an_answer_about_the_world_inside_an_own_trace_is_a_third_party_claim():
    trace = did(replace(OPENING, action="", outcome="Yes", question="is the tower of Varn taller than the mill?"))
    assert marks([hit(1, trace, own=True)], "") == [Standing.PROVISIONAL]
    assert marks([hit(1, trace, own=True), hit(2, trace)], "") == [Standing.SETTLED] * 2


@pytest.mark.parametrize("seed", range(5))
def test_standing_does_not_depend_on_the_order_of_hits(seed):
    hits = [hit(number, fact(text)) for number, text in enumerate([*TRUE, *FALSE])]
    shuffled = random.Random(seed).sample(hits, len(hits))
    assert {found.id: found for found in standing(hits, QUESTION)} == {
        found.id: found for found in standing(shuffled, QUESTION)
    }


def test_trust_starts_low_grows_with_time_and_witnesses_and_has_no_count_of_records():
    new = SourceHistory()
    assert source_trust(new) == 0.3
    assert source_trust(replace(new, age=timedelta(days=60))) > 0.3
    assert source_trust(replace(new, corroborated_by=2)) > 0.3
    assert source_trust(replace(new, confirmed=3)) > source_trust(replace(new, confirmed=3, refuted=2))
    assert source_trust(SourceHistory(timedelta(days=9999), 999, 0, 999)) <= 0.9
    assert not {"records", "writes", "count"} & set(SourceHistory.__dataclass_fields__)


def test_one_user_one_host_one_document_or_one_burst_is_one_group():
    named = Origin("chat:1", speaker="Ana"), Origin("chat:2", speaker="ana"), Origin("chat:3", speaker="Bo")
    assert len(set(independence_groups(named))) == 2
    assert (
        len(
            set(
                independence_groups(
                    [Origin("https://www.a.example/1"), Origin("https://a.example/2"), Origin("https://b.example")]
                )
            )
        )
        == 2
    )
    assert len(set(independence_groups([Origin("x", root="doc"), Origin("y", root="doc")]))) == 1


def test_what_one_principal_makes_new_right_after_each_other_is_one_voice():
    def groups(*made):
        return len(
            set(
                independence_groups(
                    [Origin(f"s{place}", principal_id=who, new_since=at) for place, (who, at) in enumerate(made)]
                )
            )
        )

    assert groups(("p", 119.0), ("p", 121.0), ("p", 170.0)) == 1  # whatever the minute on the clock
    assert groups(("p", 0.0), ("p", 61.0)) == 2
    assert groups(("p", 0.0), ("q", 1.0)) == 2
    assert groups(("p", None), ("p", 0.0)) == 2


def test_only_the_owner_attests():
    assert own_attested("conversation", "user")
    assert own_attested("agent", None)
    assert not own_attested("conversation", "assistant")
    assert not own_attested("document", "user")
