"""The rules by which benchmarks judge: wrong ones would flatter us for ever."""

from uuid import uuid4

import numpy as np
import pytest

from benchmarks.longmemeval import ranked, scores
from benchmarks.retrieval_figure import Axis, dots
from benchmarks.scale import _Crowd, _id, _zipf_sizes
from benchmarks.search_peers import PINS, PROGRAMS
from benchmarks.telling import Spread, percentile
from foundation.search.port import Hit


def test_a_session_stands_where_its_best_turn_stands():
    assert ranked([("a", 0.2), ("b", 0.5), ("a", 0.9), ("c", 0.5)]) == ["a", "b", "c"]


def test_any_and_all_of_the_evidence_are_told_apart():
    found = ["x", "a", "y", "z", "w", "b"]
    assert scores(found, frozenset("ab")) == (True, False, True)
    assert scores(found, frozenset("q")) == (False, False, False)


def test_a_document_of_another_tenant_is_a_leak_and_ones_own_is_not():
    mine, other = uuid4(), uuid4()
    owners = {_id(tenant, place): tenant for tenant in (mine, other) for place in range(3)}
    crowd = _Crowd({mine: 3, other: 3}, owners, {})
    assert crowd.strange(mine, [_hit(_id(mine, place)) for place in range(3)]) == 0
    assert crowd.strange(mine, [_hit(_id(mine, 0)), _hit(_id(other, 0)), _hit(_id(mine, 3))]) == 2


def _hit(id_):
    return Hit(id_, 1, None, None)


def test_tenants_sizes_fall_and_none_is_empty():
    sizes = _zipf_sizes(10_000, 200_000)
    assert len(sizes) == 10_000
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] >= 1


@pytest.mark.parametrize("peer", ["langgraph-checkpoint-postgres", "mem0ai"])
def test_every_peer_is_pinned(peer):
    assert len(PROGRAMS) == 2
    assert f"\n{peer}==" in PINS.read_text(encoding="utf-8")


def test_a_percentile_is_one_of_the_values():
    values = list(np.random.default_rng(1).random(31))
    assert percentile(values, 0.95) in values
    assert percentile(values, 0.0) == min(values)
    assert Spread((3.0, 1.0, 2.0)).told() == {"median": 2.0, "range": [1.0, 3.0]}


def test_a_picture_shows_every_row_and_value_within_its_frame():
    picture = dots("t", "n", {"one <row>": {"p50": 1.0, "p95": 9999.0}}, Axis(1, 100, (1, 10, 100), "ms", log=True))
    assert "one &lt;row&gt;" in picture
    assert picture.count("<title>") == 2
    assert 'cx="720.0"' in picture  # beyond the end: at the end
