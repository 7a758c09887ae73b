"""Closed word lists the guard reads by: English function words, verbs of effect, high-impact subjects.

Kept apart so that a reviewer can read every list in one place. Another language falls back to the language-free parts:
identifiers, numbers, dates, functions, hidden characters.
"""

from __future__ import annotations

import re

STOP = frozenset(
    """a about above after again all also although am an and any are as at be became because been before being below between both but by
    can could did do does doing down during each either else ever few for from further get gets give given had has have having he her here
    hers him his how however i if in into is it its itself just know known let like made make many may me might more most much must my near
    neither no nor not now of off on once one only or other our out over own please same shall she should since so some such than that the
    their them then there therefore these they this those though through thus to too under until up upon us use used using very was we were
    what when where whether which while who whom whose why will with within without would yes yet you your""".split()
)

NEGATIONS = frozenset(
    "no not never none neither nor without cannot can't isn't wasn't aren't weren't doesn't didn't don't won't n't false incorrect nobody nothing".split()
)

YES = frozenset("yes true y correct affirmative".split())
NO = frozenset("no false n incorrect negative".split())

NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()
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

MONTHS = {name: index for index, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}

DELETING = frozenset(
    "delete del drop remove rm rmtree unlink truncate erase wipe purge destroy shred uninstall rmdir mkfs dd".split()
)
SENDING = frozenset(
    "send post upload put mail email sendmail sendall sendto forward transmit publish share export webhook curl wget nc fetch socket exfiltrate beacon urlopen".split()
)
WRITING = frozenset(
    "update insert write set save create add put append modify edit change replace move rename copy pay transfer buy order book schedule submit approve grant reset assign execute exec eval run system popen spawn install stop patch commit merge push click type alter clear revoke deactivate kill cancel terminate".split()
)
READING = frozenset(
    "load get filter read find query search select list lookup fetch view show count calc calculate calendar check retrieve open describe sum len max min sort sorted parse format sql interpreter value item items now".split()
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
