"""Who carries a lesson: two who are nobody's double, or a person; and nobody whose pattern benign records share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guard.lessons.grounds import ENOUGH_BENIGN, Grounds, Replay, Replayed, independent, marks_of
from guard.lessons.pattern import Family, distil, view
from guard.lessons.replay import tried
from guard.paths import build_path
from guard.standing import Origin
from tests.guard.cases import fact

KEY = b"k" * 32
PASSED, REFUSED, THIN = Replayed.PASSED, Replayed.REFUSED, Replayed.THIN
NAME = st.text(alphabet="abcdef:/.", min_size=1, max_size=8)


def marks(**origin):
    return frozenset(f"{kind}:{value}".encode() for kind, value in marks_of(Origin(**origin)))


@given(st.lists(st.tuples(NAME, NAME, NAME), min_size=1, max_size=20))
def test_one_principal_is_one_witness_whatever_he_calls_his_sources(names):
    seen = [marks(source=a, speaker=b, root=c, principal_id="mallory") for a, b, c in names]
    assert independent(seen) == 1


@given(st.permutations([marks(source=s, principal_id=p) for s, p in (("a", "1"), ("b", "1"), ("b", "2"), ("c", "3"))]))
def test_witnesses_joined_through_others_are_one_in_any_order(seen):
    assert independent(seen) == 2


def test_a_host_and_a_parent_join_what_principals_keep_apart():
    assert (
        independent(
            [
                marks(source="https://a.example/1", principal_id="1"),
                marks(source="https://a.example/2", principal_id="2"),
            ]
        )
        == 1
    )
    assert (
        independent([marks(source="x", root="doc", principal_id="1"), marks(source="y", root="doc", principal_id="2")])
        == 1
    )
    assert independent([marks(source="x", principal_id="1"), marks(source="y", principal_id="2")]) == 2


@given(st.integers(0, 1), st.integers(0, 5), st.sampled_from(list(Replayed)))
def test_fewer_than_two_witnesses_activate_nothing_without_a_person(witnesses, refuted, replayed):
    assert not Grounds(witnesses, 0, refuted).may_act(replayed)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_nothing_acts_against_its_replay_or_before_it(witnesses, confirmed, refuted):
    grounds = Grounds(witnesses, confirmed, refuted)
    assert not any(grounds.may_act(state) for state in (Replayed.NONE, Replayed.PENDING, REFUSED))


def test_few_benign_records_leave_the_decision_to_a_person():
    assert Replay(ENOUGH_BENIGN - 1, 0).state is THIN
    assert not Grounds(witnesses=9).may_act(THIN)
    assert Grounds(confirmed=1).may_act(THIN)
    assert Grounds(witnesses=2).may_act(PASSED)


def test_a_reviewers_approval_counts_against_it():
    assert not Grounds(witnesses=2, refuted=1).may_act(PASSED)
    assert not Grounds(witnesses=2, confirmed=1, refuted=1).may_act(PASSED)
    assert Grounds(witnesses=2, confirmed=2, refuted=1).may_act(PASSED)


def test_half_a_per_cent_of_benign_records_is_what_a_lesson_may_flag():
    assert [Replay(1000, flagged).state for flagged in (0, 5, 6)] == [PASSED, PASSED, REFUSED]
    assert Replay(10, 1).state is REFUSED


BENIGN = [
    f"The locker in hall {number} opens at nine and is kept by courier {number} of the north round."
    for number in range(300)
]


def benign_views():
    return [view(build_path(fact(text)), KEY) for text in BENIGN]


def pattern(text):
    return distil(build_path(fact(text)), Family.CONTRADICTION, KEY)


def test_who_imitates_benign_records_teaches_nothing():
    state, _, counts = tried(pattern(BENIGN[7]), benign_views())
    assert (state, counts.flagged > 1) == (REFUSED, True)


def test_who_imitates_one_benign_record_teaches_nothing_either():
    rare = "Aunt Berta keeps seven grey geese behind the old mill near Tarn"
    views = [*benign_views(), view(build_path(fact(rare)), KEY)]
    state, left, counts = tried(pattern(rare), views)
    assert (state, left.grams, counts.flagged) == (REFUSED, (), 1)


def test_what_only_the_attack_said_is_what_is_left_of_it():
    spell = "zorvex quimlat glimdor praxin voltmar hinterby"
    state, left, counts = tried(pattern(f"{BENIGN[7]} {spell}"), benign_views()[:250])
    full = pattern(f"{BENIGN[7]} {spell}")
    assert counts.flagged == 0 or state is REFUSED
    if state is PASSED:
        assert 3 <= len(left.grams) < len(full.grams)
    state, left, _ = tried(pattern(f"{spell} {spell.title()} opens at nine and is kept"), benign_views())
    assert state is PASSED
    assert len(left.grams) >= 3
