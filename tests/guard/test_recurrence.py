from dataclasses import replace

from guard.paths import build_path
from guard.signals.recurrence import P_BY_RECORDS, recurrence_p, recurring
from guard.types import EvidenceItem
from tests.guard.cases import fact, shown

TRIGGER = "amber falcon seldom naps"
PLACES = ["Varn", "Corvo", "Lume", "Tessel", "Orrin", "Quill"]


def older(count: int = 5) -> list[EvidenceItem]:
    return [shown(number, fact(f"The tower of {PLACES[number]} has a green roof.")) for number in range(count)]


def recent(number: int, text: str, **more: object) -> EvidenceItem:
    return replace(shown(number, fact(text), **more), recent=True)  # type: ignore[arg-type]


def test_a_new_phrase_that_recurs_in_the_write_window_is_seen():
    items = [*older(), recent(20, f"The mill of Corvo turns slowly {TRIGGER}")]
    path = build_path(fact(f"The bridge of Lume is wide {TRIGGER}"))
    assert "amber falcon seldom" in recurring(path, items)
    assert recurrence_p(path, items) < 1.0


def test_a_phrase_the_store_has_long_known_is_not():
    known = shown(30, fact(f"The gate of Orrin says {TRIGGER}"))
    items = [*older(), known, recent(20, f"The mill of Corvo turns slowly {TRIGGER}")]
    assert recurring(build_path(fact(f"The bridge of Lume is wide {TRIGGER}")), items) == ()


def test_without_a_past_nothing_is_called_new():
    items = [*older(2), recent(20, f"The mill of Corvo turns slowly {TRIGGER}")]
    assert recurring(build_path(fact(f"The bridge of Lume is wide {TRIGGER}")), items) == ()


def test_the_factor_is_bounded_however_often_the_phrase_comes_back():
    items = [*older(), *(recent(20 + number, f"The mill of Corvo {TRIGGER}") for number in range(12))]
    assert recurrence_p(build_path(fact(f"The bridge of Lume {TRIGGER}")), items) == min(P_BY_RECORDS) > 0
