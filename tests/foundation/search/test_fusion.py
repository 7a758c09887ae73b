from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.search.fusion import fuse, ranked, unordered
from foundation.search.port import Hit


def hit(number, lexical=None, dense=None):
    return Hit(id=UUID(int=number), version=1, lexical=lexical, dense=dense)


def test_each_arm_counts_half_between_its_worst_and_its_best():
    best = {one.id.int: one for one in fuse([hit(1, 8.0, 0.2), hit(2, 4.0, 0.6), hit(3, 0.0, 0.4)])}
    assert (best[1].lexical, best[1].dense, best[1].score) == (1.0, 0.0, 0.5)
    assert (best[2].lexical, best[2].dense, best[2].score) == (0.5, 1.0, 0.75)
    assert best[3].score == pytest.approx(0.25)


def test_what_an_arm_did_not_bring_is_its_worst():
    only_words, only_meaning, poor = fuse([hit(1, 9.0, None), hit(2, None, 0.9), hit(3, 1.0, 0.1)])
    assert (only_words.lexical, only_words.dense) == (1.0, 0.0)
    assert (only_meaning.lexical, only_meaning.dense) == (0.0, 1.0)
    assert poor.score == 0.0


def test_one_candidate_is_the_best_there_is_unless_it_matches_nothing():
    assert fuse([hit(1, 3.0, 0.4)])[0].score == 1.0
    assert fuse([hit(1, 0.0, -0.1)])[0].score == 0.0
    assert fuse([]) == []


scored = st.lists(
    st.tuples(st.floats(0, 30), st.floats(-1, 1)).map(lambda pair: (round(pair[0], 3), round(pair[1], 3))), max_size=30
)


@given(scored, st.randoms())
def test_the_order_does_not_depend_on_the_order_of_the_hits(pairs, random):
    hits = [hit(number, *pair) for number, pair in enumerate(pairs)]
    shuffled = hits[:]
    random.shuffle(shuffled)
    assert fuse(hits) == fuse(shuffled)


@given(scored)
def test_what_is_fused_unordered_is_the_same_in_the_order_of_the_hits(pairs):
    hits = [hit(number, *pair) for number, pair in enumerate(pairs)]
    assert [one.id for one in unordered(hits)] == [one.id for one in hits]
    assert ranked(unordered(hits)) == fuse(hits)


@given(scored)
def test_scores_lie_between_nought_and_one_and_fall(pairs):
    fused = [one.score for one in fuse([hit(number, *pair) for number, pair in enumerate(pairs)])]
    assert all(0 <= score <= 1 for score in fused)
    assert [round(score, 9) for score in fused] == sorted((round(score, 9) for score in fused), reverse=True)
