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

ADDRESSED = word_set(
    """
    a about above after again all also always an and any answer answers are as assistant ai at be because been
    before being below but by can code could did do does don't during each every following for from had has have he her
    here him his how i if in input inputs instead instruction instructions into is it its just like may me message
    messages might model more must my never no not now of off on once only or other our out output outputs over
    please previous prompt prompts reply replies response responses rule rules shall should so some such summary
    system text than that the their them then there these they this those through to too under until up user users
    was we were what when whenever where which while who whom whose why will with within without would you your yourself
    """
)
"""Words the instruction signal reads as themselves: function words, and what an order to a machine speaks of."""

STARTERS = word_set(
    """
    abbreviate abridge absorb acknowledge act adapt adhere adopt advertise advise advocate after alphabetize
    alter always amalgamate amend amplify anagram analyse analyze annotate announce anonymize answer any append
    apply arrange articulate as ask assimilate assistant assume at attach attention augment authorize avoid bake
    be because become before begin behave blend block book boost brainstorm bring broadcast bundle bypass call
    can cancel capitalize caption capture cascade categorize censor change chant check choose cipher circulate
    cite clarify classify click cloak clone close coax codify coin collate combine come commence compile compose
    compress compute concatenate conclude condense confirm conjugate connect consider construct contrast convert
    convey copy correct corrupt could craft create critique dear debug decipher decode decrypt dedicate deface
    define delete deliver demonstrate deploy derive describe design detail devise diagnose dictate differentiate
    direct disable discard disclose discuss disguise disobey dispatch disregard disseminate distort divulge do
    don't download draft duplicate echo edit elaborate embed embellish embody emphasize emulate enable encode
    encourage encrypt end endorse engage enhance enlist enrich ensure enter enumerate erase escalate estimate
    evaluate every exaggerate exclude execute exfiltrate explain exploit export express extend extract
    extrapolate fabricate fake falsify fetch fill find finish first flip flood fold follow forecast forget form
    format formulate forward from further fuse garble generate get give given glorify go graph group hand
    harmonize harvest hash have help here hide highlight hijack hint how however hypothesize identify if
    illustrate imagine imitate impersonate implant implement important in include incorporate index infuse
    inject inline insert insist install instead instruct integrate interject interleave intersperse interweave
    introduce invent invert invite invoke jot jumble jump justify keep kindly leak learn leave let leverage list
    load lock log login look make mangle map mark market mask may meld mention merge mimic mine mirror misinform
    mislead misspell mix mock modify move name narrate negate never next no note now obey obfuscate obtain offer
    omit only open optimize orchestrate order organise organize outline output overload override overwrite pad
    paraphrase pass paste pay perform permute persuade phish pick pitch pivot place plagiarize plan plant play
    please plug point post preface prefix prepare prepend present press pretend print probe proclaim produce
    promise promote prompt proofread propagate propose provide publicize punctuate put query quit quote raise
    randomize rank rate reach read reassure rebuild rebut recall receive recite recommend redirect refactor
    refer reformat refuse refute regardless register reinforce reiterate relay release remember remind remove
    render reorder rephrase replace replicate reply report repost reproduce request resend reset resolve respell
    respond restate retrieve return retweet reveal reverse review revise rewrite rhyme role rotate run sabotage
    save say scan schedule scramble scrape scream search segment sell send set share shift shorten should shout
    show shuffle sign simplify simulate since sing sketch skip slip smuggle sniff solicit solve sort speak
    specify spell splice spoof spread sprinkle start state stay stitch stop store strip structure submit
    subscribe substitute subtly subtract succeed suggest summarise summarize summon supplement suppress surround
    suspend swap swindle switch synthesize system tabulate tag take talk tally teach tease tell terminate test
    then think thread to transcribe transfer transform translate transliterate transmit transpose treat trick
    trigger trim troubleshoot truncate trust try turn tweak type under uninstall unless unlock unmask unscramble
    until update upload uppercase urge urgent use utilise utilize verify visit visualize vouch vowelize wait
    warn was watch weave what whatever when whenever where which while who why wipe wire with withhold without
    word work would write yell you your
    """
)
"""Words that open an order or a question, wherever in a line they stand with a capital."""
