"""The judge's vote can end a dispute; it cannot settle, start one, or outvote anybody older than itself."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard.optional_judge.opinion import Opinion, ReasonCode, Word
from guard.optional_judge.votes import with_votes
from guard.paths import build_path
from guard.standing import ReadHit, standing
from guard.types import Candidate, Standing

QUESTION = "What is the capital of Gondor?"


def hit(number: int, answer: str, trust: float = 0.3, group: str = "") -> ReadHit:
    path = build_path(Candidate(f"The capital of Gondor is {answer}.", kind="semantic", source_type="web"))
    return ReadHit(UUID(int=number), 1, path, 1.0, group or f"g{number}", trust)


def says(word: Word, confidence: float = 1.0) -> Opinion:
    return Opinion(word, confidence, ReasonCode.UNCLEAR)


def marks(hits, opinions):
    judged = standing(hits, QUESTION)
    return [each.standing for each in with_votes(hits, judged, opinions, QUESTION)]


OLD = [hit(1, "Osgiliath", 0.5), hit(2, "Erech", 0.5)]


def test_these_two_are_disputed():
    assert marks(OLD, {}) == [Standing.DISPUTED, Standing.DISPUTED]


def test_one_good_word_lifts_one_side_to_provisional_and_no_further():
    assert marks(OLD, {UUID(int=1): says(Word.BENIGN)}) == [Standing.PROVISIONAL, Standing.DISPUTED]


def test_a_bad_word_counts_for_the_rival():
    assert marks(OLD, {UUID(int=1): says(Word.POISONED)}) == [Standing.DISPUTED, Standing.PROVISIONAL]


@pytest.mark.parametrize("opinion", [says(Word.UNSURE), says(Word.BENIGN, 0.1)])
def test_an_unsure_judge_changes_nothing(opinion):
    assert marks(OLD, {UUID(int=1): opinion}) == [Standing.DISPUTED, Standing.DISPUTED]


def test_a_word_for_both_sides_changes_nothing():
    both = {UUID(int=1): says(Word.BENIGN), UUID(int=2): says(Word.BENIGN)}
    assert marks(OLD, both) == [Standing.DISPUTED, Standing.DISPUTED]


def test_newcomers_and_the_judge_together_outvote_no_newcomer():
    fresh = [hit(1, "Osgiliath"), hit(2, "Erech")]
    assert marks(fresh, {UUID(int=1): says(Word.BENIGN)}) == [Standing.DISPUTED, Standing.DISPUTED]


def test_what_is_not_disputed_is_left_alone():
    agreed = [hit(1, "Osgiliath"), hit(2, "Osgiliath")]
    before = marks(agreed, {})
    assert Standing.DISPUTED not in before
    assert marks(agreed, {UUID(int=1): says(Word.POISONED), UUID(int=2): says(Word.POISONED)}) == before


@given(
    st.lists(st.tuples(st.sampled_from(["Osgiliath", "Erech", "Bree"]), st.sampled_from([0.3, 0.5, 0.9])), max_size=5),
    st.lists(st.tuples(st.sampled_from(list(Word)), st.floats(0, 1)), min_size=5, max_size=5),
)
def test_whatever_the_judge_says_nothing_is_settled_by_it_and_nothing_falls(found, words):
    hits = [hit(number + 1, answer, trust) for number, (answer, trust) in enumerate(found)]
    opinions = {each.id: says(*word) for each, word in zip(hits, words, strict=False)}
    judged = standing(hits, QUESTION)
    voted = with_votes(hits, judged, opinions, QUESTION)
    for before, after in zip(judged, voted, strict=True):
        lifted = replace(before, standing=Standing.PROVISIONAL, disputed_by=())
        assert after == before or (before.standing is Standing.DISPUTED and after == lifted)
