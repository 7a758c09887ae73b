"""When two generations' answers are the same up to ties, and when a new one is good enough."""

from dataclasses import replace
from uuid import UUID

import pytest

from foundation.search.port import Hit
from governance.index_guard import Figures, alike


def hits(*scores):
    return [Hit(UUID(int=at), 1, lexical, dense) for at, (lexical, dense) in enumerate(scores)]


STOOD = hits((4.0, 0.9), (3.0, 0.5), (3.0, 0.5), (3.0, 0.5), (1.0, 0.1))


def test_the_same_scores_are_alike_whatever_their_order_and_to_half_precision():
    after = [hit._replace(dense=hit.dense + 0.001) for hit in reversed(STOOD)]
    assert alike(STOOD, after)


def test_which_of_many_equals_are_candidates_is_no_difference():
    other = [*STOOD[:3], STOOD[3]._replace(id=UUID(int=99)), STOOD[4]]
    assert alike(STOOD, other, k=4)


@pytest.mark.parametrize(
    "after",
    [
        STOOD[1:],
        [STOOD[0]._replace(dense=0.8), *STOOD[1:]],
        [STOOD[0]._replace(lexical=3.9), *STOOD[1:]],
        [*STOOD[:4], STOOD[4]._replace(lexical=2.0)],
        [Hit(UUID(int=77), 1, 9.0, 0.99), *STOOD],
        [],
    ],
    ids=["best missing", "other meaning", "other words", "a late one better", "a new best", "nothing"],
)
def test_a_difference_is_seen(after):
    assert not alike(STOOD, after)
    assert alike(STOOD, STOOD)


def test_a_re_key_must_answer_alike_and_an_embedder_find_its_share():
    figures = Figures(questions=64, alike=63, found_before=60, found_after=54)
    assert figures.pass_for(alike=True, least=900)
    assert not replace(figures, alike=62).pass_for(alike=True, least=900)
    assert figures.pass_for(alike=False, least=900)
    assert not replace(figures, found_after=53).pass_for(alike=False, least=900)
    assert Figures().pass_for(alike=True, least=900)
