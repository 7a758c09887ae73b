"""From text to weighted, keyed terms.

Words are Unicode's, case-folded, without stop words, irregular English forms brought to their root (`irregular`), and
stemmed by Snowball's English stemmer (words of other scripts pass through it unchanged). A pseudonym such as
`<PERSON_k3f9x2mq7a>` stays one term. The weight of a term in a document is BM25's saturation against a *fixed* mean
length, so that it does not depend on other documents; the query brings the inverse document frequency. The score is
their inner product, the same number in every engine.
"""

import hmac
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from foundation.search.irregular import ROOTS
from foundation.search.marks import ASKS, Marks, asks, speaker_mark, speaker_of

K1 = 1.2
B = 0.75
MEAN_LENGTH = 24  # stems of a conversational turn with its date and speaker; a constant, not a statistic
TERMS_LIMIT = 10**9  # sparsevec takes indices 1 .. 10^9 (pgvector)
DOCUMENT_TERMS = 16_000  # sparsevec takes no more non-zero weights; the heaviest are kept
QUERY_TERMS = 256
WITNESSES = 32  # of a question's terms, how many are told one by one: the heaviest

_TOKEN = re.compile(r"<[A-Z][A-Z_]*_[0-9a-z]+>|[^\W_]+")
_CONTRACTION = re.compile(r"(?<=[^\W_])['\u2019](?:s|t|re|ll|ve|d|m)\b", re.IGNORECASE)
# Scripts written without spaces: their words are taken as overlapping pairs.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{2,}")
_FUNCTION_WORDS = """
a about after again all also am an and any are as at be because been before being both but by can could did do does
doing during each few for from further had has have having he her here hers him his how i if in into is it its
itself just me more most my myself no nor not now of off on once only or other our ours out over own same she should
so some such than that the their theirs them then there these they this those through to too under until up us very
was we were what when where which while who whom why will with would you your yours
"""
_STOP_WORDS = frozenset(_FUNCTION_WORDS.split())


def stems(text: str) -> list[str]:
    """The stems of `text`, in order, stop words left out."""
    plain = _CONTRACTION.sub("", unicodedata.normalize("NFKC", text))
    words = (word for token in _TOKEN.findall(plain) for word in _words(token))
    return _stem([word for word in words if word not in _STOP_WORDS])


def document_terms(text: str, key: bytes) -> dict[int, float]:
    """Keyed term ids with BM25 document weights (> 0), at most `DOCUMENT_TERMS`, and the text's marks."""
    found = stems(text)
    short = K1 * (1 - B + B * len(found) / MEAN_LENGTH)
    weighted = {stem: count * (K1 + 1) / (count + short) for stem, count in Counter(found).items()}
    marks = {term_id(mark, key): 1.0 for mark in _marks(text)}
    heaviest = sorted(weighted.items(), key=lambda item: (-item[1], item[0]))[: DOCUMENT_TERMS - len(marks)]
    return _keyed(heaviest, key) | marks


def query_terms(text: str, key: bytes) -> dict[int, float]:
    """Keyed term ids with their counts in the question: the first `QUERY_TERMS` distinct ones."""
    counts = Counter(stems(text))
    return _keyed(list(counts.items())[:QUERY_TERMS], key)


def query_marks(text: str, key: bytes) -> Marks:
    """What the question looks for beside its words."""
    words = list(dict.fromkeys(stems(text)))[:QUERY_TERMS]
    if not words:
        return Marks()
    return Marks(frozenset(term_id(speaker_mark(word), key) for word in words), term_id(ASKS, key))


def term_id(stem: str, key: bytes) -> int:
    """HMAC-SHA256 of the stem, mapped to 1 .. 10^9. Two stems may share an id (about n/10^9 of them): weights add."""
    digest = hmac.digest(key, stem.encode(), "sha256")
    return int.from_bytes(digest[:8]) % TERMS_LIMIT + 1


def weigh(terms: Mapping[int, float], documents: int, frequencies: Mapping[int, int]) -> dict[int, float]:
    """The query's weights: count times inverse document frequency (Lucene's form of BM25's, never negative)."""
    return {term: count * idf(documents, frequencies.get(term, 0)) for term, count in terms.items()}


def witnesses(weights: Mapping[int, float]) -> list[int]:
    """The question's terms whose share in each candidate is told: the heaviest, in a fixed order."""
    return sorted(weights, key=lambda term: (-weights[term], term))[:WITNESSES]


def idf(documents: int, frequency: int) -> float:
    """Inverse document frequency among `documents`, as Lucene writes it: above 0 for every frequency."""
    return math.log(1 + (max(documents - frequency, 0) + 0.5) / (frequency + 0.5))


def _words(token: str) -> list[str]:
    if token.startswith("<"):
        return [token]
    folded = token.casefold()
    if not (run := _UNSPACED.search(folded)):
        return [folded]
    pairs = [run.group()[at : at + 2] for at in range(len(run.group()) - 1)]
    rest = (part for part in (folded[: run.start()], folded[run.end() :]) if part)
    return [*pairs, *(word for part in rest for word in _words(part))]


def _stem(words: list[str]) -> list[str]:
    import Stemmer  # a compiled module; a stemmer is not safe to share between threads, and cheap to make

    stemmer = Stemmer.Stemmer("english")
    return [word if word.startswith("<") else stemmer.stemWord(ROOTS.get(word, word)) for word in words]


def _marks(text: str) -> list[str]:
    marks = [speaker_mark(stem) for stem in stems(speaker_of(text))]
    return [*marks, ASKS] if asks(text) else marks


def _keyed(weights: Iterable[tuple[str, float]], key: bytes) -> dict[int, float]:
    terms: dict[int, float] = {}
    for stem, weight in weights:
        term = term_id(stem, key)
        terms[term] = terms.get(term, 0.0) + weight
    return terms
