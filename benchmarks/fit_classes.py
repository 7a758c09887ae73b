"""Sort common English words into classes of alike meaning: `python -m benchmarks.fit_classes` writes word_classes.txt.

The words are the frequent ones of the embedder's own vocabulary (MiniLM, Apache-2.0), every verb of it that stands there
in two forms, and verbs of the project's own list; classes are spherical k-means over the embeddings of single words.
No data set is read.
"""

# ruff: noqa: E501 - one pattern or word list a line reads better than a broken one

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.guard_data import embedder
from foundation.search.embedders import MiniLM, data_file
from guard.vocabulary import word_set

OUT = Path(__file__).resolve().parents[1] / "guard" / "coefficients" / "word_classes.txt"
FREQUENT, CLASSES, ROUNDS, SEED = 9000, 128, 25, 1
VERBS = word_set("""
abbreviate abridge absorb acknowledge adapt adhere adopt advertise advise advocate alphabetize alter amalgamate amend amplify anagram analyse analyze announce annotate anonymize answer append apply arrange articulate assimilate attach
augment authorize bake blend block boost brainstorm broadcast bundle capitalize capture cascade caption categorize censor chant cipher circulate cite clarify classify clone codify coax coin collate combine commence compile compose
compress compute concatenate condense confirm conjugate construct contrast convert convey copy correct corrupt craft critique cloak debug decipher decode decrypt dedicate deface define delete deliver demonstrate deploy derive describe
design detail devise diagnose dictate differentiate direct disable disclose disguise dispatch disregard disseminate distort divulge download draft duplicate echo edit elaborate embed embellish embody emphasize emulate encode encourage
encrypt endorse engage enhance enlist enrich ensure enumerate erase escalate estimate evaluate exaggerate exclude execute exfiltrate exploit export express extend extract extrapolate fabricate falsify fetch flip flood fold forecast format
formulate forward fuse garble generate glorify graph group harmonize harvest hash hide highlight hijack hint hypothesize identify illustrate imitate impersonate implant implement include incorporate index infuse inject inline insert install
instruct integrate interject interleave intersperse interweave introduce invert invoke jot jumble justify leak leverage list lock log log mangle map market mask meld mention merge mimic mine mirror misinform mislead misspell mock modify
narrate negate obfuscate obey omit open optimize orchestrate order outline output overload override overwrite pad paraphrase paste permute persuade phish pitch pivot plagiarize plant plug post preface prefix prepend pretend print probe
proclaim promote prompt propagate propose provide publicize punctuate query quote randomize rank reassure rebut recall recite recommend redirect refactor reformat refute reinforce reiterate relay remind render rephrase replace replicate
reply repost reproduce request resend respell respond restate retrieve retweet reveal reverse review revise rewrite rhyme rotate sabotage scramble scrape scream segment sell shift shorten shout shuffle simplify simulate sing sketch
slip smuggle sniff solicit solve specify spell spoof sprinkle sort splice stitch strip structure subscribe substitute subtract suggest summarise summarize supplement suppress swap swindle switch synthesize tabulate tag tally tease terminate
thread translate transcribe transfer transform translate transliterate transmit transpose trick trigger trim troubleshoot truncate tweak uninstall unlock unmask unscramble update upload uppercase urge utilise utilize verify visualize
vouch vowelize weave wipe withhold
""")


def vocabulary() -> list[str]:
    """Words of the embedder by falling frequency, cut where only names are left, with the verbs behind."""
    known = json.loads(data_file(*MiniLM.TOKENIZER))["model"]["vocab"]
    words = [word for word in sorted(known, key=lambda word: known[word]) if word.isalpha() and word.isascii()]
    words = [word for word in words if len(word) > 2]
    rest = {word for word in words[FREQUENT:] if any(form in known for form in _forms(word))}
    return list(dict.fromkeys([*words[:FREQUENT], *sorted(rest), *sorted(VERBS)]))


def _forms(word: str) -> list[str]:
    stem = word.removesuffix("e")
    doubled = word + word[-1]
    return [
        f"{word}s",
        f"{stem}ing",
        f"{stem}ed",
        f"{doubled}ing",
        f"{doubled}ed",
        f"{word[:-1]}ies",
        f"{word[:-1]}ied",
    ]


def classes(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class of each unit row; deterministic for given vectors."""
    centres = vectors[np.random.default_rng(SEED).choice(len(vectors), CLASSES, replace=False)].copy()
    for _ in range(ROUNDS):
        nearest = (vectors @ centres.T).argmax(axis=1)
        for number in set(nearest.tolist()):
            centre = vectors[nearest == number].mean(axis=0)
            centres[number] = centre / np.linalg.norm(centre)
    return (vectors @ centres.T).argmax(axis=1)


def main() -> None:
    words = vocabulary()
    found = classes(embedder().embed(words))
    lines = [
        " ".join(sorted(word for word, own in zip(words, found, strict=True) if own == number))
        for number in range(CLASSES)
    ]
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
