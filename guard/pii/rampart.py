"""Rampart: a 17-type PII token classifier for seven Latin-script languages, run by onnxruntime on one thread.

Weights by National Design Studio, CC BY 4.0 (see NOTICE). Text goes through in windows of 126 tokens that overlap by
24; a word is taken whole when any of its pieces is suspected, because half a name is a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from presidio_analyzer import EntityRecognizer, RecognizerResult
from tokenizers import Tokenizer

from guard.pii.entities import Entity
from guard.pii.recognisers.patterned import LANGUAGE, result

_WINDOW, _OVERLAP = 126, 24
_CLS, _SEP = 2, 3
# The model's labels are O, then B- and I- of each of these, in this order.
_LABELS = (
    Entity.PERSON,  # given name
    Entity.PERSON,  # surname
    Entity.EMAIL,
    Entity.PHONE,
    Entity.URL,
    Entity.NATIONAL_ID,  # tax id
    Entity.BANK_ACCOUNT,
    Entity.BANK_ACCOUNT,  # routing number
    Entity.NATIONAL_ID,  # government id
    Entity.PASSPORT,
    Entity.DRIVER_LICENCE,
    Entity.ADDRESS,  # building number
    Entity.ADDRESS,  # street name
    Entity.ADDRESS,  # secondary address
    Entity.LOCATION,  # city
    Entity.LOCATION,  # state
    Entity.ADDRESS,  # zip code
)
_ENTITIES = tuple(dict.fromkeys(_LABELS))
_FOLD = np.zeros((1 + 2 * len(_LABELS), len(_ENTITIES)), dtype=np.float32)
for _place, _entity in enumerate(_LABELS):
    _FOLD[1 + 2 * _place : 3 + 2 * _place, _ENTITIES.index(_entity)] = 1


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text, in characters, with the probability that it is personal data of each kind."""

    start: int
    end: int
    entity: Entity
    suspicion: float


class RampartModel:
    """The loaded model and its tokenizer."""

    def __init__(self, model: Path, tokenizer: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def words(self, text: str) -> list[Word]:
        """Every word of the text with its likeliest kind and how likely it is to be personal data at all."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if not encoding.ids:
            return []
        kinds = self._kinds(encoding.ids)
        return list(_by_word(kinds, encoding.offsets, encoding.word_ids))

    def _kinds(self, ids: Sequence[int]) -> np.ndarray:
        """(tokens, kinds) probabilities; where windows overlap the higher one counts."""
        kinds = np.zeros((len(ids), len(_ENTITIES)), dtype=np.float32)
        for start in range(0, max(1, len(ids) - _OVERLAP), _WINDOW - _OVERLAP):
            window = ids[start : start + _WINDOW]
            part = kinds[start : start + _WINDOW]
            np.maximum(part, self._probabilities(window) @ _FOLD, out=part)
        return kinds

    def _probabilities(self, ids: Sequence[int]) -> np.ndarray:
        """(tokens, labels) softmax for one window."""
        row = np.array([[_CLS, *ids, _SEP]], dtype=np.int64)
        feed = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        logits = np.asarray(self._session.run(None, feed)[0])[0, 1:-1]
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _by_word(
    kinds: np.ndarray, offsets: Sequence[tuple[int, int]], word_ids: Sequence[int | None]
) -> Iterator[Word]:
    begin = 0
    for place in range(1, len(word_ids) + 1):
        if place < len(word_ids) and word_ids[place] == word_ids[begin]:
            continue
        pieces = kinds[begin:place]
        entity = _ENTITIES[int(pieces.sum(axis=0).argmax())]
        yield Word(offsets[begin][0], offsets[place - 1][1], entity, float(pieces.sum(axis=1).max()))
        begin = place


class Rampart(EntityRecognizer):  # type: ignore[misc]
    """The model as a Presidio recogniser: words at or above `floor`."""

    def __init__(self, model: RampartModel, floor: float) -> None:
        self._model, self._floor = model, floor
        entities = [entity.value for entity in _ENTITIES]
        super().__init__(supported_entities=entities, name="rampart", supported_language=LANGUAGE)

    def load(self) -> None:
        """The model is loaded by who makes the recogniser."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        found = (word for word in self._model.words(text) if word.suspicion >= self._floor)
        return [
            result(word.entity, word.start, word.end, word.suspicion)
            for word in found
            if any(sign.isalnum() for sign in text[word.start : word.end])
        ]
