"""The rules by which drills and the load judge: wrong ones would find everything in order for ever."""

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.drill import writing
from benchmarks.drill.writing import Books, silence, wrong
from benchmarks.load import Asked, Tenant, _figures
from benchmarks.resident import flatness, picture
from memwrit.demo.client import Answer

TENANT = Tenant("space", "agent", "officer", "auditor")


class Served:
    """A service that holds these memories (id -> text) and tells of these admissions."""

    def __init__(self, memories, admitted):
        self.memories, self.admitted = memories, admitted

    def get(self, path):
        last = path.partition("?")[0].rpartition("/")[2]
        if last == "memories":
            rows = [{"content": text} for text in self.memories.values()]
        elif last == "events" and "memory.hold" in path:
            rows = []
        elif last == "events":
            rows = [{"index": 1, "target": {"id": each}} for each in self.admitted]
        else:
            return Answer(200 if last in self.memories else 404, {}, "")
        return Answer(200, {"data": rows, "next_cursor": None}, "")


def text(mark):
    return f"The amber kettle with the mark {mark} stands in the attic."


@pytest.fixture
def reckoned(monkeypatch):
    def reckon(promised, memories, admitted):
        monkeypatch.setattr(writing, "Client", lambda line, key: Served(memories, admitted))
        return wrong("http://nowhere", TENANT, Books(promised=promised))

    return reckon


def test_books_that_balance(reckoned):
    found = reckoned({"aa": "1", "bb": "2"}, {"1": text("aa"), "2": text("bb")}, ["1", "2"])
    assert found == {"lost": 0, "served": 2, "doubled": 0, "unaudited": 0}


def test_what_was_promised_and_is_not_there_is_lost(reckoned):
    assert reckoned({"aa": "1", "bb": "2"}, {"1": text("aa")}, ["1", "2"])["lost"] == 1


def test_what_was_promised_once_and_is_there_twice_is_doubled(reckoned):
    assert reckoned({"aa": "1"}, {"1": text("aa"), "9": text("aa")}, ["1", "9"])["doubled"] == 1


def test_what_the_log_does_not_tell_of_is_unaudited(reckoned):
    assert reckoned({"aa": "1", "bb": "2"}, {"1": text("aa"), "2": text("bb")}, ["1"])["unaudited"] == 1


def test_the_silence_is_the_longest_time_without_an_answer_and_counts_from_the_fault():
    assert silence(Books(answered=[1.0, 2.0, 9.5, 10.0]), began=2.5) == 7.0
    assert silence(Books(answered=[1.0]), began=2.5) == 0.0


def test_a_refusal_without_a_time_to_come_back_is_impolite():
    told = [
        Asked("admit", 1.0, 0.1, 503, True),
        Asked("admit", 1.0, 0.1, 503, False),
        Asked("read", 1.0, 0.2, 200, True),
    ]
    found = _figures(told, 0.0, 10.0)
    assert (found["asked"], found["refused"], found["impolite"], found["per_second"]) == (3, 2, 1, 0.1)


def test_memory_that_grows_shows_in_the_last_quarter():
    still = [(10.0 * at, 100.0) for at in range(40)]
    growing = [(10.0 * at, 100.0 + at) for at in range(40)]
    found = flatness({"still": still, "growing": growing}, 0.0, 400.0)
    assert (found["still"]["early_mb"], found["still"]["late_mb"]) == (100.0, 100.0)
    assert found["growing"]["late_mb"] - found["growing"]["early_mb"] == 20.0
    assert found["all"]["most_mb"] == 239.0


def test_a_picture_of_memory_is_well_formed_and_names_every_process():
    drawn = picture(
        {"web <0>": [(0.0, 90.0), (60.0, 95.0)], "relay": [(0.0, 80.0), (60.0, 80.0)]}, {"steady": (0, 60)}, "n"
    )
    told = "".join(ElementTree.fromstring(drawn).itertext())
    assert "web <0> 95" in told
    assert "relay 80" in told
