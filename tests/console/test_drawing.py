"""Drawings and comparisons: pure functions, right at their edges, and nothing in them unescaped."""

from __future__ import annotations

from uuid import UUID
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memwrit.console import charts, comparing, lineage, verdicts
from memwrit.console.charts import Bar, Series
from memwrit.console.templatetags import shown
from tests.console.watching import CANARY

A, B, C, D = (UUID(int=number) for number in range(1, 5))


def parsed(svg):
    return ElementTree.fromstring(str(svg))


def texts(svg):
    return [each.text for each in parsed(svg).iter("text")]


def test_columns_stack_and_have_a_table_of_their_numbers():
    told = charts.columns("Decisions", "By day.", ["1", "2"], [Series("a", [3, 0], "s1"), Series("b", [1, 2], "s2")])
    rects = [(each.get("class"), float(each.get("height"))) for each in parsed(told.svg).iter("rect")]
    assert [name for name, _ in rects] == ["s1", "s2", "s2"]
    assert rects[0][1] == pytest.approx(3 * rects[1][1], abs=0.2)
    assert (list(told.head), [list(row) for row in told.rows]) == (
        ["Day", "a", "b"],
        [["1", "3", "1"], ["2", "0", "2"]],
    )


def test_a_chart_says_in_words_what_it_shows():
    root = parsed(charts.bars("Kinds", "Bars: 3 PERSON.", ("Kind", "Found"), [Bar("PERSON", 3)]).svg)
    assert (root.get("role"), root.find("title").text, root.find("desc").text) == ("img", "Kinds", "Bars: 3 PERSON.")
    assert root.get("aria-labelledby").split() == [root.find("title").get("id"), root.find("desc").get("id")]


def test_nothing_at_all_is_a_chart_too():
    assert charts.columns("Empty", "None.", [], []).empty
    assert charts.bars("Empty", "None.", ("a", "b"), []).empty
    assert parsed(charts.columns("Zeros", "None.", ["1"], [Series("a", [0], "s1")]).svg).findall("rect") == []


def test_no_drawing_has_a_style_or_a_colour_of_its_own():
    drawn = charts.bars("a", "b", ("c", "d"), [Bar("e", 1, href="/console/held")])
    for each in parsed(drawn.svg).iter():
        assert not {"style", "fill", "stroke"} & set(each.attrib)


def test_what_strangers_wrote_is_escaped_in_a_drawing():
    drawn = charts.bars(CANARY, CANARY, ("a", "b"), [Bar(CANARY, 1, href='"><script>')])
    assert CANARY in texts(drawn.svg)
    assert "<script" not in str(drawn.svg) + str(drawn.rows[0][0])


@given(st.floats(min_value=0, max_value=1e12))
def test_the_top_of_the_axis_is_round_and_reached(most):
    top = charts.ceiling(most)
    assert top >= max(most, 1) or top >= most
    assert top <= max(1.0, most * 2.5)
    assert str(int(top)).rstrip("0") in ("1", "2", "5")


@pytest.mark.parametrize(("share", "width"), [(0.0, "0"), (0.5, "100"), (1.0, "200"), (7.0, "200"), (-1.0, "0")])
def test_a_bar_is_never_longer_than_its_track(share, width):
    assert float(list(parsed(charts.progress("Clock", share, "good")).iter("rect"))[1].get("width")) == float(width)


def test_lineage_puts_parents_to_the_left_and_children_to_the_right():
    edges = [((B, 1), (A, 1)), ((C, 1), (B, 1)), ((C, 1), (D, 1))]
    assert lineage.layers((B, 1), edges) == {(B, 1): 0, (A, 1): -1, (C, 1): 1, (D, 1): 0}
    drawn = lineage.draw((B, 1), {(A, 1), (B, 1), (C, 1), (D, 1)}, edges, {A: "/console/memories/a"})
    assert (drawn.parents, drawn.children) == (1, 1)
    assert len(list(parsed(drawn.svg).iter("path"))) == 3
    assert [each.get("href") for each in parsed(drawn.svg).iter("a")] == ["/console/memories/a"]


def test_what_is_derived_twice_over_stands_beyond_what_lies_between():
    edges = [((B, 1), (A, 1)), ((C, 1), (A, 1)), ((C, 1), (B, 1))]
    assert lineage.layers((A, 1), edges) == {(A, 1): 0, (B, 1): 1, (C, 1): 2}
    assert lineage.layers((C, 1), edges) == {(C, 1): 0, (B, 1): -1, (A, 1): -2}


def test_a_lineage_that_comes_back_to_itself_is_drawn_all_the_same():
    edges = [((B, 1), (A, 1)), ((A, 2), (B, 1))]
    drawn = lineage.draw((A, 2), {(A, 1), (A, 2), (B, 1)}, edges, {})
    assert len(list(parsed(drawn.svg).iter("rect"))) == 3


@given(st.text(), st.text())
def test_both_sides_of_a_comparison_are_the_texts_themselves(old, new):
    told = comparing.sides("/content", old, new)
    assert ("".join(piece.text for piece in told.old), "".join(piece.text for piece in told.new)) == (old, new)
    assert any(piece.changed for piece in [*told.old, *told.new]) == (old != new)


def test_a_very_long_text_is_told_as_a_whole():
    told = comparing.sides("/content", "a " * 4000, "b " * 4000)
    assert (len(told.old), told.old[0].changed) == (1, True)


def test_what_is_not_there_is_an_empty_side():
    told = comparing.sides("/metadata/x", None, 7)
    assert (list(told.old), told.new[0].text) == ([], "7")


def test_a_certificate_is_told_by_what_stands_in_it():
    body = {"probe": {"result": "nothing found", "stores": ["records"]}, "assurance": "A2", "index_assurance": "A0"}
    told = {each.store: each.tone for each in verdicts.of(body | {"key_destruction": [{}], "held": 2})}
    assert told == {
        "The records": "good",
        "The keys": "good",
        "Earlier backups of the index": "warn",
        "Backups of the databases": "good",
        "Not erased": "warn",
    }


@pytest.mark.parametrize("body", [{}, {"probe": {"result": "something", "stores": ["records"]}, "assurance": "A1"}])
def test_nothing_is_called_good_that_the_certificate_does_not_say(body):
    assert {each.tone for each in verdicts.of(body)} <= {"warn", "bad"}


def test_tokens_are_marked_and_everything_is_escaped():
    told = str(shown.marked(f"<PERSON_k3f9x2mq7a> & {CANARY}"))
    assert told.startswith("<mark>&lt;PERSON_k3f9x2mq7a&gt;</mark> &amp; ")
    assert told.count("<") == 2
