"""Judge a candidate: may this become memory? Pure: equal record, evidence and policy always give an equal verdict."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from math import prod

from guard.calibration import tail_for
from guard.decision import HEED, decide, fires, incident_of
from guard.normalise import Normal, normalise
from guard.paths import OWN_TYPES, build_path, read_episode, targets
from guard.signals.consensus import opposition
from guard.signals.directives import hard_directives
from guard.signals.effect import asked_only_to_read, unseen_effects
from guard.signals.ground import aliased, ground_score
from guard.signals.instruction import instruction_score
from guard.signals.recurrence import recurrence_p, recurring
from guard.signals.slotflip import slotflips
from guard.types import Candidate, Effect, Episode, Evidence, GuardPolicy, Path, Ref, Shape, Signal, Verdict

DEFAULT = GuardPolicy()
RULES = 8
"""Raised when a rule changes so that the same record may get another verdict."""


@lru_cache(maxsize=1)
def detector() -> str:
    """Which rules and coefficients judge, as decision records cite it."""
    shipped = sorted(files("guard.coefficients").iterdir(), key=lambda each: each.name)
    data = b"".join(each.read_bytes() for each in shipped if each.name.endswith((".npz", ".json", ".txt")))
    return f"guard-{RULES}+{hashlib.sha256(data).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate made ready: every text it carries, normalised, its path, and how far it instructs (log-odds)."""

    candidate: Candidate
    body: Normal
    texts: tuple[Normal, ...]
    episode: Episode | None
    path: Path
    instruction: float

    @property
    def own_voice(self) -> bool:
        """Said by the user in their own conversation, where asking the assistant for something is normal."""
        return self.candidate.source_type.lower() in OWN_TYPES

    @property
    def channel(self) -> str:
        return "own" if self.own_voice else "external"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A signal and the reason codes it stands behind."""

    signal: Signal | None = None
    reasons: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    calibration: str = "pooled"
    scored: tuple[tuple[str, float], ...] = ()


def judge(candidate: Candidate, evidence: Evidence, policy: GuardPolicy = DEFAULT) -> Verdict:
    """The verdict on a candidate whose text is already PII-redacted.

    Order of the evidence does not matter beyond its similarity; nothing but the arguments is read.
    """
    return judge_case(prepare(candidate), evidence, policy)


def judge_case(case: Case, evidence: Evidence, policy: GuardPolicy = DEFAULT) -> Verdict:
    """As `judge`, for a candidate that was made ready before."""
    opinions = list(_opinions(case, evidence, policy))
    signals = tuple(opinion.signal for opinion in opinions if opinion.signal)
    reasons = tuple(dict.fromkeys(reason for opinion in opinions for reason in opinion.reasons))
    marks = tuple(mark for opinion in opinions for mark in opinion.marks)
    calibration = next((each.calibration for each in opinions if each.calibration != "pooled"), "pooled")
    scores = tuple(score for opinion in opinions for score in opinion.scored)
    incident = incident_of(reasons, case.path, signals, marks)
    decision, shape = decide(reasons), case.path.shape
    return Verdict(decision, reasons, signals, shape, case.path, policy.version, incident, calibration, scores)


def prepare(candidate: Candidate) -> Case:
    """Normalise every text a reader of the memory will see: content, episode, metadata values, speaker and source. All
    that depends on no evidence and takes its time is done here."""
    body = normalise(candidate.content)
    episode = candidate.episode
    fields = (episode.question, episode.knowledge, episode.action, episode.outcome) if episode else ()
    rest = [*fields, *_strings(candidate.metadata), candidate.source, candidate.speaker or "", candidate.actor or ""]
    texts = (body, *(normalise(text) for text in rest if text))
    read = read_episode(candidate)
    prose = [_prose(body, read), *(plain for text in texts for plain in text.decoded)]
    return Case(candidate, body, texts, read, build_path(candidate), max(map(instruction_score, prose)))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (str(key), *_strings(inner))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def _opinions(case: Case, evidence: Evidence, policy: GuardPolicy) -> Iterator[Opinion]:
    ranked = tuple(sorted(evidence.items, key=lambda item: (-item.similarity, str(item.id), item.version)))
    evidence = replace(evidence, items=ranked)
    warnings = [*_lessons(evidence), *_recurrence(case.path, evidence)]
    factor = prod(warning.signal.p for warning in warnings if warning.signal)
    yield from warnings
    yield from _provenance(case)
    yield _hidden(case)
    yield _directives(case)
    yield _instruction(case, evidence, policy, factor)
    if case.episode:
        yield _ground(case.episode)
        yield _effect(case, case.episode, evidence, policy)
    else:
        yield _alias(case)
    yield _slotflip(case.path, evidence)
    yield _consensus(case, evidence, policy, factor)
    yield Opinion(reasons=_standing_notes(case.path))


def _lessons(evidence: Evidence) -> Iterator[Opinion]:
    """Lessons that fit tighten the graded thresholds and warn; none refuses by itself."""
    if evidence.lessons:
        refs = tuple((lesson.id, lesson.version) for lesson in evidence.lessons)
        surest = max(lesson.confidence for lesson in evidence.lessons)
        yield Opinion(Signal("lesson", HEED, False, refs, surest), ("lesson",))


def _recurrence(path: Path, evidence: Evidence) -> Iterator[Opinion]:
    """A new phrase that comes back in what was written last: it weighs on the graded signals, never by itself."""
    found = recurring(path, evidence.items)
    if found:
        p = recurrence_p(path, evidence.items)
        yield Opinion(Signal("recurrence", p, False, (), float(len(found))), ("recurring",))


def _provenance(case: Case) -> Iterator[Opinion]:
    if case.candidate.forged:
        yield Opinion(Signal("provenance", 0.0, True), ("forged-provenance",))


def _hidden(case: Case) -> Opinion:
    hidden = [name for text in case.texts for name in text.hidden]
    return Opinion(
        Signal("hidden", 0.0 if hidden else 1.0, bool(hidden)), ("hidden-unicode",) if hidden else (), tuple(hidden)
    )


def _directives(case: Case) -> Opinion:
    """Hard rules. From a user's own mouth "ignore my earlier instructions" is a change of mind: held, not refused."""
    found = [code for text in case.texts for plain in (text.text, *text.decoded) for code in hard_directives(plain)]
    encoded = [code for text in case.texts for plain in text.decoded for code in hard_directives(plain)]
    if case.candidate.trusted or (case.own_voice and not encoded):
        found = ["user-override" if code == "override-directive" else code for code in found]
    reasons = tuple(dict.fromkeys([*found, *(["encoded-directive"] if encoded else [])]))
    marks = tuple(target for text in case.texts for target in targets(text.text)) if found else ()
    return Opinion(reasons=reasons, marks=marks[:4])


def _instruction(case: Case, evidence: Evidence, policy: GuardPolicy, factor: float) -> Opinion:
    """Judged over the text as sent and what was decoded from it; the actions of an episode are code, not prose."""
    name = f"{case.channel}/instruction"
    tail, whose = tail_for("instruction", name, case.path.shape, evidence.calibration, policy.alpha)
    p = tail.p(case.instruction)
    fired = fires("instruction", p * factor, policy.alpha)
    signal = Signal("instruction", p, fired, (), round(case.instruction, 4))
    return Opinion(signal, ("directive",) if fired else (), (), whose, ((name, signal.score),))


def _prose(body: Normal, episode: Episode | None) -> str:
    if episode is None:
        return body.text
    return normalise("\n".join(filter(None, (episode.knowledge, episode.outcome)))).text


def _ground(episode: Episode) -> Opinion:
    score = ground_score(episode)
    fired = score >= 1.0
    return Opinion(Signal("ground", 0.002 if fired else 1.0, fired, (), score), ("ungrounded-id",) if fired else ())


def _alias(case: Case) -> Opinion:
    """A note that one id stands for another is a redirect waiting for its question."""
    found = aliased(case.body.text) if not case.candidate.trusted else frozenset()
    return Opinion(
        Signal("ground", 0.002 if found else 1.0, bool(found), (), float(bool(found))),
        ("id-redirect",) if found else (),
    )


def _effect(case: Case, episode: Episode, evidence: Evidence, policy: GuardPolicy) -> Opinion:
    seen = unseen_effects(case.path, evidence.items, policy.neighbours)
    grave = case.path.effect in (Effect.DELETE, Effect.EXFIL)
    fired = bool(seen.unseen) or asked_only_to_read(episode, case.path.effect)
    reasons = [
        *(["destructive-effect"] if grave and not case.candidate.trusted else []),
        *(["effect-unseen"] if fired else []),
        *(["thin-evidence"] if seen.thin and case.path.functions else []),
    ]
    signal = Signal("effect", 0.005 if fired else 1.0, fired, seen.evidence, float(len(seen.unseen)))
    return Opinion(signal, tuple(reasons), seen.unseen)


def _slotflip(path: Path, evidence: Evidence) -> Opinion:
    rivals = slotflips(path, evidence.items)
    heavy = [item for item in rivals if item.settled or item.trust >= 0.5] or (
        rivals if len({item.group for item in rivals}) > 1 else ()
    )
    refs: tuple[Ref, ...] = tuple(item.ref for item in rivals)
    return Opinion(Signal("slotflip", 0.005 if rivals else 1.0, bool(heavy), refs), ("slot-flip",) if heavy else ())


def _consensus(case: Case, evidence: Evidence, policy: GuardPolicy, factor: float) -> Opinion:
    found = opposition(case.path, evidence.items)
    tail, whose = tail_for("consensus", "all/consensus", case.path.shape, evidence.calibration, policy.alpha)
    p = tail.p(found.score) if found.items else 1.0
    fired = bool(found.items) and fires("consensus", p * factor, policy.alpha)
    signal = Signal("consensus", p, fired, tuple(item.ref for item in found.items), round(found.score, 4))
    reasons = ("claim-conflict",) if fired else ()
    return Opinion(signal, reasons, (), whose, (("all/consensus", signal.score),))


def _standing_notes(path: Path) -> tuple[str, ...]:
    """What the record will need before it is served as settled; neither changes the decision."""
    alone = (
        not {"own", "grounded"} & set(path.hints) if path.shape is not Shape.EPISODE else "grounded" not in path.hints
    )
    grave = any(hint.startswith("high-impact") for hint in path.hints)
    return (*(("single-source",) if alone else ()), *(("high-impact",) if grave else ()))
