"""From findings to redacted texts. Pure: no models, no processes."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from foundation.kernel.problems import FieldError, PiiBlocked
from guard.pii.document import NAME, last_name, moved, names, unique
from guard.pii.entities import Entity
from guard.pii.policy import Action, PiiPolicy
from guard.pii.port import Document, Finding, Known, Original, Redaction, Span
from guard.pii.pseudonyms import TOKEN, keyed_hash, pseudonym
from guard.pii.spans import Covered, union

_LEGIBLE_TAIL = 4
_LONG_ENOUGH = 12
_NUMBERS = (Entity.CARD, Entity.BANK_ACCOUNT, Entity.PHONE)


def apply(
    document: Document, findings: Iterable[Finding], policy: PiiPolicy, key: bytes, *, language: str | None = None
) -> Redaction:
    """Replace every finding by its policy. Raises PiiBlocked when a rule says reject."""
    covered = _by_path(document, findings, policy)
    _refuse_rejected(covered)
    renamed = _renamed(covered, key)
    texts: dict[str, str] = {}
    spans: list[Span] = []
    originals: list[Original] = []
    for path, text in document.items():
        new = moved(path, renamed)
        texts[new], made = _replace(text, covered.get(path, ()), new, key)
        spans += made
        originals += _originals(path, text, covered.get(path, ()), key)
    for path in renamed:
        spans += _replace(last_name(path), covered[path + NAME], moved(path, renamed) + NAME, key)[1]
        originals += _originals(path + NAME, last_name(path), covered[path + NAME], key)
    counts = Counter(span.type for span in spans)
    return Redaction(texts, tuple(spans), dict(counts), renamed, policy.ref, language, tuple(originals))


def _originals(path: str, text: str, covered: Sequence[Covered], key: bytes) -> list[Original]:
    """What was replaced, and what it said where a pseudonym stands for it: nothing else may ever come back."""
    return [_original(path, text[each.start : each.end], each, key) for each in covered]


def _original(path: str, value: str, each: Covered, key: bytes) -> Original:
    if each.action is not Action.PSEUDONYMISE or each.type is Entity.SECRET:
        return Original(path, each.start, each.end)
    return Original(path, each.start, each.end, pseudonym(key, each.type, value), value)


def known_values(document: Document, known: Known) -> list[Finding]:
    """Every place of the known values, whole words only, in texts and in the names that callers choose."""
    if not known:
        return []
    longest_first = sorted(known, key=len, reverse=True)
    anywhere = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(value) for value in longest_first)})(?!\w)")
    texts = {**document, **names(document)}
    return [
        Finding(known[found[0]], path, found.start(), found.end(), 1.0)
        for path, text in texts.items()
        for found in anywhere.finditer(text)
    ]


def _by_path(document: Document, findings: Iterable[Finding], policy: PiiPolicy) -> dict[str, list[Covered]]:
    """What has to be covered in each text. What a rule keeps is dropped first, so it cannot widen anything."""
    found: dict[str, list[Covered]] = {}
    for finding in findings:
        action = policy.action(finding.type, finding.path.removesuffix(NAME))
        if action is not Action.KEEP:
            found.setdefault(finding.path, []).append(Covered(finding.type, finding.start, finding.end, action))
    return {path: _outside_tokens(_text(document, path), union(each)) for path, each in found.items()}


def _outside_tokens(text: str, covered: list[Covered]) -> list[Covered]:
    """Leave tokens that the pass wrote before as they are; what reaches beyond one is cut at its edges."""
    tokens = [match.span() for match in TOKEN.finditer(text)]
    return [piece for each in covered for piece in _cut(each, tokens)]


def _cut(each: Covered, tokens: Sequence[tuple[int, int]]) -> list[Covered]:
    pieces, start = [], each.start
    for left, right in tokens:
        if right <= start or left >= each.end:
            continue
        if left > start:
            pieces.append(Covered(each.type, start, left, each.action))
        start = right
    if start < each.end:
        pieces.append(Covered(each.type, start, each.end, each.action))
    return pieces


def _refuse_rejected(covered: Mapping[str, Sequence[Covered]]) -> None:
    rejected = [
        FieldError("" if path.endswith(NAME) else path, each.type.lower())
        for path, found in covered.items()
        for each in found
        if each.action is Action.REJECT
    ]
    if rejected:
        raise PiiBlocked("The PII policy refuses this memory.", errors=rejected)


def _renamed(covered: Mapping[str, Sequence[Covered]], key: bytes) -> dict[str, str]:
    names: dict[str, str] = {}
    taken: dict[str, set[str]] = {}
    for marked in sorted(path for path, found in covered.items() if found and path.endswith(NAME)):
        path = marked.removesuffix(NAME)
        siblings = taken.setdefault(path.rsplit("/", 1)[0], set())
        names[path] = unique(_replace(last_name(path), covered[marked], marked, key)[0], siblings)
        siblings.add(names[path])
    return names


def _replace(text: str, covered: Sequence[Covered], path: str, key: bytes) -> tuple[str, list[Span]]:
    """The text with every stretch replaced, and where the replacements now stand."""
    out: list[str] = []
    spans: list[Span] = []
    at = length = 0
    for each in covered:
        kept, put = text[at : each.start], _replacement(text[each.start : each.end], each, key)
        put = put.strip("<>") if path.endswith(NAME) else put  # names have a narrower alphabet
        start = length + len(kept)
        length = start + len(put)
        spans.append(Span(each.type, path, start, length, each.action))
        out += (kept, put)
        at = each.end
    return "".join((*out, text[at:])), spans


def _replacement(value: str, covered: Covered, key: bytes) -> str:
    match covered.action:
        case Action.PSEUDONYMISE:
            return pseudonym(key, covered.type, value)
        case Action.HASH:
            return keyed_hash(key, covered.type, value)
        case Action.MASK:
            return _masked(value, covered.type)
        case _:
            return f"<{covered.type}>"


def _masked(value: str, entity: Entity) -> str:
    """Stars for letters and digits; of long numbers the last four stay, as on a receipt."""
    signs = [place for place, sign in enumerate(value) if sign.isalnum()]
    tail = signs[-_LEGIBLE_TAIL:] if entity in _NUMBERS and len(signs) >= _LONG_ENOUGH else []
    hidden = set(signs) - set(tail)
    return "".join("*" if place in hidden else sign for place, sign in enumerate(value))


def _text(document: Document, path: str) -> str:
    return last_name(path.removesuffix(NAME)) if path.endswith(NAME) else document[path]
