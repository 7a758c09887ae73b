from uuid import UUID

import pytest

from foundation.search.fusion import Fused
from foundation.search.priors import Weights, with_priors

S, T = b"s" * 16, b"t" * 16


def result(number, fused, group=None, position=None):
    return Fused(UUID(int=number), 1, lexical=fused, dense=fused, fused=fused, group=group, position=position)


def ordered(*results, weights=Weights()):
    return [one.id.int for one in with_priors(results, weights)]


def test_without_a_session_nothing_changes():
    results = [result(1, 0.9), result(2, 0.5, position=2), result(3, 0.4, position=3)]
    assert with_priors(results) == results
    assert results[0].priors == {}


def test_the_turn_after_a_good_one_rises_more_than_the_turn_before_it():
    [good, after, before] = with_priors([result(1, 1.0, S, 5), result(2, 0.2, S, 6), result(3, 0.2, S, 4)])
    assert (good.id.int, after.id.int, before.id.int) == (1, 2, 3)
    assert after.neighbours == pytest.approx(0.3)
    assert before.neighbours == pytest.approx(0.1)
    assert after.session == before.session == pytest.approx(0.3)
    assert after.score == pytest.approx(0.2 + 0.3 + 0.3)
    assert set(after.priors) == {"neighbours", "session"}


def test_a_neighbour_is_of_the_same_session():
    rows = with_priors([result(1, 1.0, S, 5), result(2, 0.2, T, 6)], Weights(session=0.0))
    assert [one.neighbours for one in rows] == [0, 0]


def test_a_session_lends_its_best_turns_score():
    weak, strong = result(1, 0.30, T, 9), result(2, 0.25, S, 9)
    assert ordered(weak, strong) == [1, 2]
    assert ordered(weak, strong, result(3, 1.0, S, 1)) == [3, 2, 1]


def test_two_results_at_one_position_lend_the_better_score():
    rows = {one.id.int: one for one in with_priors([result(1, 0.9, S, 1), result(2, 0.5, S, 1), result(3, 0.1, S, 2)])}
    assert rows[3].neighbours == pytest.approx(0.27)
