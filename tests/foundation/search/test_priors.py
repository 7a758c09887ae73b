from uuid import UUID

import pytest

from foundation.search.fusion import Fused
from foundation.search.priors import Weights, with_priors

S, T = b"s" * 16, b"t" * 16


def result(number, fused, group=None, position=None, **facts):
    place = {"group": group, "position": position}
    return Fused(UUID(int=number), 1, lexical=fused, dense=fused, fused=fused, **place, **facts)


def ordered(*results, weights=Weights()):
    return [one.id.int for one in with_priors(results, weights)]


def test_without_a_session_the_order_stays():
    results = [result(1, 0.9), result(2, 0.5, position=2), result(3, 0.4, position=3)]
    assert ordered(*results) == [1, 2, 3]


def test_what_stands_alone_is_not_outdone_by_turns_that_have_company():
    """A profile that has all the question's words, beside turns of who is asked about that have few of them."""
    profile = result(1, 0.95, words={7: 2.0, 8: 2.0, 9: 2.0})
    turns = [result(2 + at, 0.55, S, at, words={7 + at % 3: 1.0}, named=True) for at in range(5)]
    assert ordered(profile, *turns)[0] == 1
    assert ordered(profile, *turns, weights=Weights(speaker=1.0))[0] != 1, "the company can count for more"


def test_the_turns_beside_a_good_one_rise_with_it():
    rows = {one.id.int: one for one in with_priors([result(1, 1.0, S, 5), result(2, 0.2, S, 6), result(3, 0.2, S, 4)])}
    assert rows[2].priors == pytest.approx({"neighbours": 0.1, "session": 0.3})
    assert rows[3].priors == pytest.approx({"neighbours": 0.1, "session": 0.3})
    assert rows[2].score == pytest.approx(0.2 + 0.1 + 0.3)


def test_what_answers_a_turn_that_asks_rises_above_what_stands_before_it():
    asked, before, answer = result(1, 1.0, S, 5, asks=True), result(2, 0.2, S, 4), result(3, 0.2, S, 6)
    rows = {one.id.int: one for one in with_priors([asked, before, answer])}
    assert rows[3].priors["neighbours"] == pytest.approx(0.4)
    assert rows[2].priors["neighbours"] == pytest.approx(0.1)
    assert rows[1].priors["asks"] == pytest.approx(-0.1)


def test_a_question_that_is_no_turn_of_a_conversation_loses_nothing():
    assert "asks" not in with_priors([result(1, 1.0, asks=True)])[0].priors


def test_words_spread_over_neighbouring_turns_count_together():
    spread = [result(1, 0.5, S, 1, words={7: 2.0}), result(2, 0.5, S, 2, words={8: 2.0})]
    alone = result(3, 0.5, T, 1, words={7: 2.0})
    rows = {one.id.int: one for one in with_priors([*spread, alone])}
    assert rows[1].priors["passage"] == rows[2].priors["passage"] == pytest.approx(0.5)
    assert rows[3].priors["passage"] == pytest.approx(0.25)


def test_a_passage_ends_two_turns_away_and_with_its_session():
    near, far = result(1, 0.5, S, 1, words={7: 2.0}), result(2, 0.5, S, 4, words={8: 1.0})
    other = result(3, 0.5, T, 2, words={9: 1.0})
    rows = {one.id.int: one for one in with_priors([near, far, other])}
    assert rows[2].priors["passage"] == rows[3].priors["passage"] == pytest.approx(0.25)


def test_whom_the_question_names_is_heard_before_others():
    assert ordered(result(1, 0.5), result(2, 0.4, named=True)) == [2, 1]
    assert ordered(result(1, 0.7), result(2, 0.4, named=True)) == [1, 2]


def test_a_neighbour_is_of_the_same_session():
    rows = with_priors([result(1, 1.0, S, 5), result(2, 0.2, T, 6)], Weights(session=0.0))
    assert [one.priors for one in rows] == [{}, {}]


def test_a_session_lends_its_best_turns_score():
    weak, strong = result(1, 0.30, T, 9), result(2, 0.25, S, 9)
    assert ordered(weak, strong) == [1, 2]
    assert ordered(weak, strong, result(3, 1.0, S, 1)) == [3, 2, 1]


def test_two_results_at_one_position_lend_the_better_score():
    rows = {one.id.int: one for one in with_priors([result(1, 0.9, S, 1), result(2, 0.5, S, 1), result(3, 0.1, S, 2)])}
    assert rows[3].priors["neighbours"] == pytest.approx(0.09)
