"""From a memory to its reasoning path, by rule: the same text always gives the same path, with no model asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from guard.normalise import normalise
from guard.signals.ground import grounded
from guard.types import Candidate, Effect, Episode, Path, Shape
from guard.values import asserted, denied, sets_apart, terms, typed_values
from guard.vocabulary import BUILTINS, DELETING, HIGH_IMPACT, NEGATIONS, NO, READING, SENDING, WRITING, YES

_LABELS = {
    "question": "question", "query": "question", "task": "question", "user": "question", "request": "question",
    "knowledge": "knowledge", "context": "knowledge", "facts": "knowledge", "evidence": "knowledge", "background":
    "knowledge", "thought": "knowledge",
    "reasoning": "knowledge", "solution": "action", "action": "action", "actions": "action", "code": "action", "plan":
    "action", "tool": "action",
    "answer": "outcome", "outcome": "outcome", "result": "outcome", "final answer": "outcome", "observation": "outcome",
}  # fmt: skip
_LABEL = re.compile(
    r"(?:^|(?<=[\n.?!;\]\"]))[ \t#*>-]*("
    + "|".join(sorted(_LABELS, key=len, reverse=True))
    + r")[ \t*]*(?:\d{1,2}[ \t]*)?:[ \t*]*",
    re.IGNORECASE,
)
# Possessive, and only from a word's start: 64 KiB of "a.a.a." must not cost more than reading it.
_CALL = re.compile(r"(?<![\w.])([A-Za-z_][\w.]*+)\(|(?<![\w.])(\w++)[ \t]++\(")
_CODE_NAME = re.compile(r"_|[a-z][A-Z]")
_SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|DROP|TRUNCATE|ALTER)\b\s+(?:\*|\w+)", re.IGNORECASE)
_SHELL = re.compile(
    r"(?:^|[\n;|&`$(\"'])[ \t]*+(?:sudo\s+)?(rm|curl|wget|nc|scp|rsync|dd|mkfs|shred)\s+[-\w/.:\"']", re.MULTILINE
)
_TARGET = re.compile(
    r"(?:https?|ftp|wss?)://[^\s'\"<>)]+|\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.]+|\bwww\.[\w.-]+|<(?:EMAIL|URL|IP)\w*>",
    re.I,
)
_FIRST_PERSON = re.compile(r"\b(i|i'm|i've|i'd|i'll|my|me|mine|we|our)\b", re.IGNORECASE)
_PREFERS = re.compile(
    r"\b(prefer(?:s|red|ence)?|favou?rite|likes?|loves?|enjoys?|hates?|dislikes?|can't stand|rather|always wants?|allergic|vegetarian|vegan|call me|usually|fan of)\b",  # noqa: E501
    re.I,
)
ASSISTANT = frozenset({"assistant", "ai", "model", "bot", "system", "agent"})
OWN_TYPES = frozenset({"conversation", "chat", "user", "agent", "episode", "agent_trace", "trace", "experience"})
_STORE = re.compile(
    r"db|table|conn|cursor|collection|\bos\b|shutil|fs\b|store|repo|file|path|client|session|api|user|record|admin",
    re.I,
)
_NUMERAL = re.compile(r"(?<!\w)[\w-]*\d[\w-]*")
_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def build_path(candidate: Candidate) -> Path:
    episode = read_episode(candidate)
    shape = _shape(candidate, episode)
    body = normalise(candidate.content).text
    clean = _clean(episode) if episode else Episode()
    functions = functions_of(clean.action)
    effect = effect_of(clean) if episode else Effect.NONE
    claim = " ".join(filter(None, (clean.outcome, clean.knowledge))) if episode and shape is Shape.TRACE else body
    return Path(
        shape=shape,
        subjects=tuple(candidate.subjects),
        relation=terms(body)[:64],
        values=typed_values(asserted(claim or body))[:64],
        functions=functions,
        effect=effect,
        outcome=outcome_of(clean.outcome),
        question=(*terms(clean.question)[:48], *sorted(set(_NUMERAL.findall(clean.question)))),
        hints=tuple(_hints(candidate, shape, clean, body, effect)),
    )


def restored(path: Path, known: Mapping[str, str]) -> Path:
    """The path with what is `known` to stand behind pseudonyms, by token, in their places: near to the path of the text
    itself, for a fraction of the time."""
    told = {token: (terms(text), typed_values(text)) for token, text in known.items()}

    def words(of: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(word for term in of for word in (told[term][0] if term in told else (term,))))

    values = (each for value in path.values for each in (told[value.text][1] if value.text in told else (value,)))
    return replace(
        path,
        relation=words(path.relation),
        values=tuple(dict.fromkeys(values)),
        outcome=" ".join(words(tuple(path.outcome.split()))),
        question=words(path.question),
    )


def read_episode(candidate: Candidate) -> Episode | None:
    """The episode as given, or read out of the text by its labels; `None` where there is neither."""
    if candidate.episode is not None and any(
        (candidate.episode.question, candidate.episode.action, candidate.episode.outcome)
    ):
        return candidate.episode
    return parse_episode(candidate.content)


def parse_episode(text: str) -> Episode | None:
    """Read `Question: … Knowledge: … Solution: …` or `Thought: … Answer: …`; two different labels make an episode."""
    found = list(_LABEL.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    parts: dict[str, list[str]] = {}
    for match, end in zip(found, ends, strict=False):
        parts.setdefault(_LABELS[match[1].lower()], []).append(text[match.end() : end].strip())
    if len(parts) < 2 or not parts.keys() & {"action", "outcome"}:
        return None
    lead = text[: found[0].start()].strip()
    if "question" not in parts and lead:
        parts["question"] = [lead]
    return Episode(**{name: "\n".join(texts) for name, texts in parts.items()})


def _clean(episode: Episode) -> Episode:
    fields = (
        normalise(text).text for text in (episode.question, episode.knowledge, _code(episode.action), episode.outcome)
    )
    return Episode(*fields)


def _code(action: str) -> str:
    """Code wrapped as `{"cell": "…"}`, the way tool calls are logged, is code all the same."""
    stripped = action.strip()
    if not stripped.startswith("{"):
        return action
    try:
        wrapped = json.loads(stripped, strict=False)
    except ValueError:
        return action.replace("\\n", "\n")
    return "\n".join(str(value) for value in wrapped.values()) if isinstance(wrapped, dict) else action


def _shape(candidate: Candidate, episode: Episode | None) -> Shape:
    if episode is not None:
        return Shape.EPISODE if functions_of(_code(episode.action)) else Shape.TRACE
    return (
        Shape.PREFERENCE if _PREFERS.search(candidate.content[:4000]) and len(candidate.content) < 1200 else Shape.FACT
    )


def functions_of(action: str) -> tuple[str, ...]:
    """Functions, SQL verbs and shell commands an action uses, each once, in order; language built-ins are left out."""
    called = [_called(name or word) for name, word in _CALL.findall(action) if name or _CODE_NAME.search(word)]
    sql = [verb.lower() for verb in _SQL.findall(action)] if not called or "'" in action or '"' in action else []
    shell = _SHELL.findall(action)
    return tuple(dict.fromkeys(name for name in [*called, *sql, *shell] if name not in BUILTINS))[:48]


def _called(name: str) -> str:
    """The function's own name; `remove` and `drop` keep the object they act on, for a list is not a data base."""
    base, _, last = name.rpartition(".")
    if (
        base
        and last.split("_")[0] in {"remove", "drop", "dropna", "clear", "pop", "discard"}
        and not _STORE.search(base)
    ):
        return "pop"
    return last


WORDS_OF_CHANGE = (
    (DELETING | SENDING | WRITING | {"forget", "deleted", "removed", "clean", "reset", "share", "notify"})
    - READING
    - {"order", "book", "mail", "email", "type", "run", "file", "drop"}
)


def effect_of(episode: Episode) -> Effect:
    """The gravest effect of the action. A function of unknown meaning counts as writing: unknown is not harmless.

    Sending is exfiltration when it goes to a target the question never named; else it is a write like any other.
    """
    effects = [function_effect(name) for name in functions_of(episode.action)]
    named = set(_TARGET.findall(episode.question.lower()))
    foreign = set(_TARGET.findall(episode.action.lower())) - named
    if Effect.EXFIL in effects and not foreign:
        effects = [Effect.WRITE if effect is Effect.EXFIL else effect for effect in effects]
    order = list(Effect)
    return max(effects, key=order.index, default=Effect.NONE)


@lru_cache(maxsize=4096)
def function_effect(name: str) -> Effect:
    words = [part.lower() for part in _CAMEL.findall(name)]
    known = set(words)
    if known & DELETING:
        return Effect.DELETE
    if words and words[0] in READING and name != "fetch":
        return Effect.READ
    if known & SENDING:
        return Effect.EXFIL
    return Effect.WRITE if known & WRITING or not known & READING else Effect.READ


def targets(text: str) -> tuple[str, ...]:
    """URLs, addresses and hosts a text names."""
    return tuple(dict.fromkeys(_TARGET.findall(text)))


def outcome_of(text: str) -> str:
    """An outcome in one comparable form: `yes`, `no`, or its terms."""
    words = re.findall(r"[\w.<>-]+", text.lower())
    first = words[0].strip(".") if words else ""
    if first in YES or first in NO:
        return "yes" if first in YES else "no"
    for word in reversed(words[-6:]):
        if word.strip(".") in {"yes", "no", "true", "false"}:
            return "yes" if word.strip(".") in YES else "no"
    return " ".join(terms(text)[:16]) or " ".join(words[:8])


def _hints(candidate: Candidate, shape: Shape, episode: Episode, body: str, effect: Effect) -> list[str]:
    hints = []
    if _owned(candidate, shape, body):
        hints.append("own")
    if shape is Shape.EPISODE and effect in (Effect.READ, Effect.NONE) and grounded(episode):
        hints.append("grounded")
    if any(word in NEGATIONS or word.endswith("n't") for word in body.lower().split()):
        hints.append("negated")
    if shape is not Shape.EPISODE:
        hints += [f"denies:{term}" for term in denied(body[:4000])]
        hints += ["sets-apart"] if sets_apart(body[:4000]) else []
    hints += [
        f"high-impact:{name}"
        for name, pattern in HIGH_IMPACT.items()
        if shape is not Shape.EPISODE and pattern.search(body)
    ]
    return hints


def _owned(candidate: Candidate, shape: Shape, body: str) -> bool:
    """Whether the memory is its speaker's own to state: what a person says of themself, what an agent did itself."""
    if candidate.source_type.lower() not in OWN_TYPES and not candidate.trusted:
        return False
    if shape is Shape.EPISODE:
        return True
    by_assistant = (candidate.speaker or "").lower() in ASSISTANT
    return shape is Shape.PREFERENCE and not by_assistant and bool(_FIRST_PERSON.search(body))
