"""Every code the guard can give has a sentence a reviewer understands."""

import re
from pathlib import Path

import pytest

from guard import explanations
from guard.decision import HOLDS, NOTES, REJECTS
from guard.pii.port import Reason
from guard.replay import NOT_EMBEDDED, NOT_JUDGED, UNSEEN

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("code", sorted(REJECTS | HOLDS | NOTES | {each.value for each in Reason}))
def test_every_reason_is_explained(code):
    assert explanations.REASONS[code].endswith(".")


@pytest.mark.parametrize("code", [NOT_EMBEDDED, NOT_JUDGED, UNSEEN])
def test_the_failure_of_a_part_is_explained(code):
    assert explanations.explain([code])[0].weighs


def test_every_signal_the_guard_makes_is_explained():
    source = (ROOT / "guard/services/judge.py").read_text()
    made = set(re.findall(r'Signal\("(\w+)"', source))
    assert made
    assert made <= explanations.SIGNALS.keys()


def test_what_weighs_comes_first():
    told = explanations.explain(["single-source", "slot-flip"])
    assert [(each.code, each.weighs) for each in told] == [("slot-flip", True), ("single-source", False)]


def test_an_unknown_code_says_so_instead_of_failing():
    assert explanations.explain(["brand-new"])[0].sentence == explanations.UNKNOWN


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1.0, "as ordinary as any harmless memory"),
        (0.62, "62 of 100 harmless memories look at least this unusual"),
        (0.002, "about 1 in 500 harmless memories looks at least this unusual"),
        (0.0, "no harmless memory looks like this"),
    ],
)
def test_a_share_is_told_in_words(p, words):
    assert explanations.likelihood(p) == words
