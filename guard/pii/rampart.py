"""Rampart: a 17-type PII token classifier for seven Latin-script languages, run by onnxruntime on one thread.

Weights by National Design Studio, CC BY 4.0 (see NOTICE). Text goes through in windows of 126 tokens that overlap by
24; a word is taken whole when any of its pieces is suspected, because half a name is a name. Longer windows would save
a tenth of the time on texts of 900 characters and let a quarter of the names through instead of a fifth (balanced).
"""

from __future__ import annotations

import re
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
_SLOWER = ["SkipLayerNormFusion"]  # four times the time of the two steps that it fuses
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
    pieces: int


class RampartModel:
    """The loaded model and its tokenizer."""

    def __init__(self, model: Path, tokenizer: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER
        )
        self._inputs = [each.name for each in self._session.get_inputs()]
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
        feed = {"input_ids": row}
        if len(self._inputs) > 1:  # the shipped model asks for what is the same for every text
            feed |= {"attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        logits = np.asarray(self._session.run(None, feed)[0])[0, 1:-1]
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _by_word(kinds: np.ndarray, offsets: Sequence[tuple[int, int]], word_ids: Sequence[int | None]) -> Iterator[Word]:
    begins = [place for place in range(len(word_ids)) if not place or word_ids[place] != word_ids[place - 1]]
    ends = [*begins[1:], len(word_ids)]
    entities = np.add.reduceat(kinds, begins, axis=0).argmax(axis=1).tolist()
    suspicions = np.maximum.reduceat(kinds.sum(axis=1), begins).tolist()
    for begin, end, entity, suspicion in zip(begins, ends, entities, suspicions, strict=True):
        yield Word(offsets[begin][0], offsets[end - 1][1], _ENTITIES[entity], suspicion, end - begin)


@dataclass(frozen=True, slots=True)
class Floors:
    """How much suspicion makes a finding: of a word at all, and of a lower-case word that the model's vocabulary knows
    whole (a common word, then). `rare` is the score that a capitalised English word gets which the vocabulary does not
    know: most are names; None leaves them."""

    word: float
    common: float
    rare: float | None = None
    only: frozenset[Entity] = frozenset(Entity)


STRICT, BALANCED = Floors(0.12, 0.3, 0.2), Floors(0.6, 0.6)
# In `user:ana.diaz` the model sees a person; in `chat:8821` it sees a house number.
IDENTIFIERS = Floors(0.6, 0.6, only=frozenset({Entity.PERSON}))


class Rampart(EntityRecognizer):  # type: ignore[misc]
    """The model as a Presidio recogniser."""

    def __init__(self, model: RampartModel, floors: Floors) -> None:
        self._model, self._floors = model, floors
        entities = [entity.value for entity in _ENTITIES]
        super().__init__(supported_entities=entities, name="rampart", supported_language=LANGUAGE)

    def load(self) -> None:
        """The model is loaded by who makes the recogniser."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        english = nlp_artifacts.language == "en"
        links = [match.span() for match in _LINK.finditer(text)]
        words = (word for word in self._model.words(text) if not any(a <= word.start < b for a, b in links))
        return [found for word in words if (found := self._finding(text, word, english))]

    def _finding(self, text: str, word: Word, english: bool) -> RecognizerResult | None:
        value = text[word.start : word.end]
        common = word.pieces == 1 and value.islower()
        if word.suspicion >= (self._floors.common if common else self._floors.word):
            sound = word.entity in self._floors.only and _plausible(text, word)
            return result(word.entity, word.start, word.end, word.suspicion) if sound else None
        if self._floors.rare and english and word.pieces > 1 and _RARE.fullmatch(value):
            return result(Entity.PERSON, word.start, word.end, self._floors.rare)
        return None


_LINK = re.compile(r"(?i)https?://\S{1,2000}")  # recognised as links; their parts look like numbers of every kind
_LICENCE = re.compile(r"(?i)licen[cs]e|driv|führerschein|permis|patente|conduc|rijbewijs|condução")
_RARE = re.compile(r"[^\W\d_a-z][a-zß-ÿ\u0100-\u017f]{2,30}")
_WITH_DIGITS = frozenset(
    {Entity.PHONE, Entity.NATIONAL_ID, Entity.BANK_ACCOUNT, Entity.PASSPORT, Entity.DRIVER_LICENCE}
)


def _plausible(text: str, word: Word) -> bool:
    """Numbers have digits, and a driver licence is called one nearby (the model sees them in typed laughter);
    everything has a letter or a digit."""
    value = text[word.start : word.end]
    if word.entity is Entity.DRIVER_LICENCE and not _LICENCE.search(text, max(0, word.start - 60), word.start):
        return False
    if word.entity in _WITH_DIGITS:
        return any(sign.isdigit() for sign in value)
    return any(sign.isalnum() for sign in value)
