"""Names of people and places by spaCy's English entity recogniser: strict mode's second opinion beside Rampart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any, cast

import spacy
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

from guard.pii.entities import Entity
from guard.pii.recognisers.patterned import LANGUAGE, LIKELY, result

# What no name has: the recogniser was taught news, and takes calls and assignments for people.
_CODE = re.compile(r"[=(){}\[\]|\\_<>]")
_NAME = re.compile(r"(?<![\w.])[^\W\d_a-z][^\W\d_]*(?:['’-][^\W\d_]+)*(?![\w(]|\.\w)")
_KINDS = {"PERSON": Entity.PERSON, "GPE": Entity.LOCATION, "LOC": Entity.LOCATION, "FAC": Entity.LOCATION}


class Artifacts(NlpArtifacts):  # type: ignore[misc]
    """Presidio's artifacts, with the language of the text."""

    def __init__(self, entities: list[Any], language: str) -> None:
        super().__init__(entities, cast(Any, []), [], [], None, language)
        self.language = language


class EnglishNames(NlpEngine):  # type: ignore[misc]
    """Presidio's NLP engine, reduced to spaCy's entity recogniser; without a model it finds nothing."""

    def __init__(self, model: str | None) -> None:
        self._name = model
        self._nlp: Any = None

    def load(self) -> None:
        if self._name:
            unused = ["tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]
            self._nlp = spacy.load(self._name, exclude=unused)

    def is_loaded(self) -> bool:
        return self._nlp is not None or self._name is None

    def process_text(self, text: str, language: str) -> Artifacts:
        """Entities where the text is English (`language`) and a model is there; nothing else."""
        entities = list(self._nlp(text).ents) if self._nlp is not None and language == "en" else []
        return Artifacts(entities, language)

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **_: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        return ((text, self.process_text(text, language)) for text in texts)

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return False

    def get_supported_entities(self) -> list[str]:
        return [entity.value for entity in _KINDS.values()]

    def get_supported_languages(self) -> list[str]:
        return [LANGUAGE]


class Names(EntityRecognizer):  # type: ignore[misc]
    """What the NLP engine found, as Presidio results."""

    def __init__(self) -> None:
        entities = sorted({entity.value for entity in _KINDS.values()})
        super().__init__(supported_entities=entities, name="names", supported_language=LANGUAGE)

    def load(self) -> None:
        """Nothing to load."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        found = (entity for entity in nlp_artifacts.entities if entity.label_ in _KINDS)
        return [
            result(_KINDS[each.label_], *place, LIKELY)
            for each in found
            for place in _names(text, each.start_char, each.end_char)
        ]


def _names(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The place itself; where code stands in it, the capitalised words that are called by nobody."""
    if not _CODE.search(text, start, end):
        return [(start, end)]
    return [match.span() for match in takewhile(lambda match: match.end() <= end, _NAME.finditer(text, start))]
