"""Several questions asked together get what each gets alone."""

from dataclasses import replace
from uuid import UUID

import pytest

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search import generations
from foundation.search.engine import engine
from foundation.search.opensearch import asking
from foundation.search.port import Collection
from tests.foundation.search.builders import NOW, SPACE, document, plan, put, search

WORDS = ["seat aisle", "window dog", "paint lake", "sunrise tax", "camp piano", "aisle dog tax"]
OTHER = UUID(int=2)


def together(plans):
    with tenant_transaction(), engine().searching(plans) as answers:
        return list(answers)


def by_meaning(text, **bounds):
    return replace(plan(text, **bounds), terms={})


@pytest.fixture
def written(tenant):
    documents = [document(f"{text} {number}") for number in range(12) for text in WORDS]
    put(*documents, document("seat", space_id=OTHER), document("seat", labels=frozenset({"acl:legal"})))


def test_each_gets_what_it_gets_alone(written):
    asked = [
        *(by_meaning(text) for text in WORDS),
        plan("dog lake", k=3),
        by_meaning("seat", spaces=frozenset()),
        plan("seat", spaces=frozenset({OTHER})),
        by_meaning("seat", roles=frozenset({"legal"})),
        plan("lake", collection=Collection.LESSON),
        replace(plan("tax"), known_at=NOW),
        replace(by_meaning("tax"), vector=None),
        by_meaning(WORDS[0]),
    ]
    assert [sorted(hits) for hits in together(asked)] == [sorted(search(each)) for each in asked]


def test_more_than_one_request_takes_are_answered_in_order(written):
    asked = [by_meaning(WORDS[number % 6], k=1 + number % 3) for number in range(asking.TOGETHER + 5)]
    assert [sorted(hits) for hits in together(asked)] == [sorted(search(each)) for each in asked]


def test_of_no_questions_there_are_no_answers(written):
    assert together([]) == []


def test_answers_that_nobody_reads_harm_nobody(written):
    with tenant_transaction():
        with engine().searching([by_meaning("seat"), by_meaning("dog")]) as answers:
            first = next(answers)
        again = engine().search(by_meaning("seat"))
    assert sorted(first) == sorted(again)


def test_a_tenants_questions_find_nothing_of_another(written, other_tenant):
    with tenant_scope(other_tenant):
        theirs = document("seat aisle 1")
        put(theirs)
        asked = by_meaning("seat", spaces=frozenset({SPACE}))
        assert [[hit.id for hit in hits] for hits in together([asked, asked])] == [[theirs.id], [theirs.id]]


def test_while_the_index_is_lost_none_is_answered(written, monkeypatch):
    monkeypatch.setattr(generations, "seen_whole", lambda number: False)
    monkeypatch.setattr(generations, "whole", lambda numbers: set())
    monkeypatch.setattr(asking, "_number", lambda answer: 0)
    with pytest.raises(Unavailable):
        together([by_meaning("seat")])
