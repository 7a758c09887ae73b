"""Closed word lists the guard reads by: English function words, verbs of effect, high-impact subjects.

Kept apart so that a reviewer can read every list in one place. Another language falls back to the language-free parts:
identifiers, numbers, dates, functions, hidden characters.
"""

# ruff: noqa: E501 - one pattern or word list a line reads better than a broken one

from __future__ import annotations

import re


def word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


STOP = word_set(
    """
    a about above after again all also although am an and any are as at be became because been before being
    below between both but by can could did do does doing down during each either else ever few for from further
    get gets give given had has have having he her here hers him his how however i if in into is it its itself
    just know known let like made make many may me might more most much must my near neither no nor not now of
    off on once one only or other our out over own please same shall she should since so some such than that the
    their them then there therefore these they this those though through thus to too under until up upon us use
    used using very was we were what when where whether which while who whom whose why will with within without
    would yes yet you your
    """
)

NEGATIONS = word_set(
    """
    no not never none neither nor without cannot can't isn't wasn't aren't weren't doesn't didn't don't won't
    n't false incorrect nobody nothing
    """
)

YES = word_set(
    """
    yes true y correct affirmative
    """
)
NO = word_set(
    """
    no false n incorrect negative
    """
)

NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
    "hundred": "100",
}

MONTHS = {
    name: index
    for index, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}

DELETING = word_set(
    """
    delete del drop remove rm rmtree unlink truncate erase wipe purge destroy shred uninstall rmdir mkfs dd
    """
)
SENDING = word_set(
    """
    send post upload put mail email sendmail sendall sendto forward transmit publish share export webhook curl
    wget nc fetch socket exfiltrate beacon urlopen
    """
)
WRITING = word_set(
    """
    update insert write set save create add put append modify edit change replace move rename copy pay transfer
    buy order book schedule submit approve grant reset assign execute exec eval run system popen spawn install
    stop patch commit merge push click type alter clear revoke deactivate kill cancel terminate
    """
)
READING = word_set(
    """
    load get filter read find query search select list lookup fetch view show count calc calculate calendar
    check retrieve open describe sum len max min sort sorted parse format sql interpreter value item items now
    """
)

HIGH_IMPACT = {
    "payment": re.compile(
        r"\b(iban|bank (?:account|details)|account number|routing number|sort code|wire (?:transfer|the)|pay(?:ment|out|roll)s?\b.{0,40}\b(?:to|account|details|address)|invoice.{0,30}\bpa(?:y|id)|wallet address|refund.{0,20}\bto)\b",
        re.I,
    ),
    "credential": re.compile(
        r"\b(pass(?:word|code|phrase)|api[ _-]?key|secret key|private key|access token|2fa|mfa|one[- ]time code|log ?in credentials?)\b",
        re.I,
    ),
    "consent": re.compile(
        r"\b(consent(?:s|ed)?|opt(?:s|ed)?[ -](?:in|out)|authori[sz]e[sd]?|gave permission|pre-?approved|waive[sd]?)\b",
        re.I,
    ),
    "deletion": re.compile(
        r"\b(delet(?:e|es|ed|ing|ion)|eras(?:e|ed|ure)|wip(?:e|ed)|purg(?:e|ed)|close[sd]? (?:the|their|his|her|my) account)\b",
        re.I,
    ),
}

ORDINARY = word_set(
    """
    the and you your that this for with not all are was have has from now any will just must what when which how
    to of in is it be on as by or at an if do we they them then send ignore instructions previous delete user
    patient data
    """
)

BUILTINS = word_set(
    """
    len max min sum sorted list dict set tuple str int float bool print range enumerate zip map round abs any
    all format append items keys values join split strip lower upper replace get count index extend most_common
    Counter defaultdict datetime strptime strftime timedelta now date year month if for while in and or not
    return def class lambda except isinstance type sort add startswith endswith fromkeys today pop
    """
)
