"""Shapes of directives: text that tells the *reader's machine* what to do instead of telling it something.

Each shape is a named pattern; the learned part (`signals.instruction`) weighs them. Three of them are strong enough to be
hard rules, and those name their object: what is overridden, what is sent and where, whose voice is forged.
"""

# ruff: noqa: E501 - one pattern or word list a line reads better than a broken one

from __future__ import annotations

import re

_I = re.IGNORECASE
_RULES = r"(?:instructions?|rules?|prompts?|guidelines?|polic(?:y|ies)|directives?|commands?|constraints?|guardrails?|restrictions?|safeguards?|programming|training|context|orders?|messages?|tasks?)"
_DROP = r"(?:ignor(?:e|ing)|disregard(?:ing)?|forget(?:ting)?(?! to)(?: about)?|overrid(?:e|ing)|bypass(?:ing)?|discard|pay no attention to|do not (?:follow|obey|comply with)|don't (?:follow|obey|listen to)|stop (?:following|obeying)|abandon|throw out)"
_PRIOR = r"(?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|original|initial|existing|former|past|system|safety|developer|following)"

# Spanish, Portuguese and Italian; French; German; Dutch: "ignore ... previous ... instructions", to the reader.
_FOREIGN_OVERRIDE = (
    r"\b(?:ignor[ae]|olvid[ae]|descart[ae]|desconsider[ae]|esque[çc][ae]|dimentica|trascura)\b[^.!?\n]{0,30}\b(?:instruccion\w*|instru[çc][õo]es|istruzioni|reglas|regras|regole|directrices|diretrizes|direttive|[óo]rdenes|ordens|ordini)\b[^.!?\n]{0,25}\b(?:anterior\w*|previ[ao]s|acima|precedenti|di cui sopra|d[eo]l? sistema)\b|"
    r"\b(?:ignor(?:e|ez)|oubli(?:e|ez)|ne (?:tiens|tenez) pas compte)\b[^.!?\n]{0,30}\b(?:instructions|consignes|r[èe]gles|directives|ordres)\b[^.!?\n]{0,25}\b(?:pr[ée]c[ée]dent\w*|ant[ée]rieur\w*|ci-dessus|du syst[èe]me)\b|"
    r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*|befolge\w*)\b[^.!?\n]{0,25}\b(?:vorherigen?|bisherigen?|vorigen?|fr[üu]heren?|obigen?|vorangegangenen?)\b[^.!?\n]{0,15}\b(?:anweisungen|regeln|vorgaben|befehle|instruktionen)\b|"
    r"\b(?:negeer|vergeet)\b[^.!?\n]{0,25}\b(?:vorige|eerdere|voorgaande|bovenstaande)\b[^.!?\n]{0,15}\b(?:instructies|regels|richtlijnen|opdrachten)\b"
)
OVERRIDE = re.compile(
    rf"\b{_DROP}\b[^.!?\n]{{0,40}}?\b(?:{_PRIOR}|all|any|every(?:thing)?|your)\b[^.!?\n]{{0,40}}?\b{_RULES}\b|"
    rf"\b{_DROP}\b[^.!?\n]{{0,20}}\b(?:everything|all|anything)\b[^.!?\n]{{0,20}}\b(?:you (?:were|have been|are) told|above|before|so far|said)\b|"
    rf"\b(?:new|updated|real|actual) (?:system )?{_RULES}[^.!?\n]{{0,30}}\b(?:supersede|replace|override|take precedence)|"
    rf"{_FOREIGN_OVERRIDE}|"
    r"\byou are (?:now )?(?:no longer bound|free from|not bound)\b|\b(?:STOP EVERYTHING)\b",
    _I,
)
_OBJECT = (
    r"(?:pass(?:word|phrase|code)s?|credentials?|api[ _-]?keys?|tokens?|secrets?|private keys?|ssh keys?|system prompt|conversation(?: history)?|chat (?:history|log)s?|memor(?:y|ies)|"
    r"(?:all|every|any|the user'?s?|their|customer|private|confidential|personal|internal|sensitive) (?:\w+ ){0,2}?(?:data|files?|emails?|messages?|contacts?|records?|documents?|information|details|history|inbox)|credit cards?|card numbers?|environment variables?|cookies)"
)
_SEND = r"(?:send|forward|upload|post|transmit|e-?mail|share|leak|copy|exfiltrate|submit|report|deliver|relay|export|bcc|cc|disclose|push|dump)"
_WHERE = r"(?:(?<![\w./:])(?:https?://|www\.)\S{1,300}+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.\w+|\b\d{1,3}(?:\.\d{1,3}){3}\b|<(?:EMAIL|URL|IP)\w*>)"
EXFILTRATE = re.compile(
    rf"\b{_SEND}\b[^.!?\n]{{0,60}}?\b{_OBJECT}\b.{{0,80}}?{_WHERE}|{_WHERE}.{{0,60}}?\b{_SEND}\b[^.!?\n]{{0,60}}?\b{_OBJECT}\b",
    _I | re.DOTALL,
)
FORGED = re.compile(
    r"<\|(?:im_start|im_end|system|user|assistant|endofprompt|start_header_id|eot_id)\|>|\[/?INST\]|<</?SYS>>|</?(?:system|admin)(?:_?(?:prompt|message|note|override))?>|"
    r"^[ \t]*(?:#+[ \t]*|\[|\*\*)?(?:system|admin(?:istrator)?|developer|root|security team|compliance)(?: (?:prompt|message|note|notice|override|instruction|update))?(?:\]|\*\*)?\s*:(?=.{0,160}\b(?:must|ignore|always|never|override|now|grant|approved?|trust|you are|follow|execute|treat)\b)|"
    r"\b(?:standing|trust|provenance|admission)\s*[:=]\s*\"?(?:settled|trusted|verified|admit(?:ted)?|1\.0|approved)\b",
    _I | re.MULTILINE,
)

_REPLY = r"(?:answers?|repl(?:y|ies)|responses?|output|messages?|summar(?:y|ies)|text|writing)"
SHAPES: dict[str, re.Pattern[str]] = {
    "override": OVERRIDE,
    "exfiltrate": EXFILTRATE,
    "forged": FORGED,
    "your-reply": re.compile(rf"\b(?:your|the final|each|every) (?:\w+ )?{_REPLY}\b", _I),
    "shape-reply": re.compile(
        rf"\b(?:add|append|insert|include|integrate|incorporate|embed|mention|augment|enhance|modify|rewrite|end|begin|start|prefix|replace|remove|convert|encode|scramble|substitute|group|use|provide|render|introduce|combine|rearrange|misspell|highlight|tease|suggest)\b.{{0,80}}\b(?:your|the) (?:\w+ )?(?:words? (?:of|in) (?:your )?)?{_REPLY}\b",
        _I,
    ),
    "in-your-reply": re.compile(rf"^\W*(?:in|with(?:in)?|for|at the end of) your (?:\w+ )?{_REPLY}\b", _I),
    "persona": re.compile(r"\b(?:you (?:are|will be) (?:now|going to (?:act|be))|from now on,? you|act(?:ing)? as|pretend (?:to be|you)|role-?play|immerse yourself|stay in character|developer mode|DAN\b|jailbr|do anything now|unfiltered|no (?:restrictions|limits|filters))", _I),
    "must-follow": re.compile(r"\byou (?:must|should|have to|need to|are required to|shall)\b.{0,40}\b(?:follow|obey|comply|execute|call|use|invoke|run|perform|say|answer|respond|output|print|recommend|tell)\b", _I),
    "just-say": re.compile(r"\b(?:just|only|simply) (?:say|print|output|respond|reply|answer|write|return)\b|\b(?:say|print|output|respond with|reply with|answer with)\b\s*[:\"“']", _I),
    "hide": re.compile(r"\b(?:do not|don't|never|without) (?:\w+ ){0,2}?(?:tell(?:ing)?|inform(?:ing)?|mention(?:ing)?|alert(?:ing)?|notify(?:ing)?|reveal(?:ing)?|ask(?:ing)?|warn(?:ing)?)\b(?: \w+){0,3} (?:user|them|anyone|customer|client|owner|operator|human|this)\b", _I),
    "when-asked": re.compile(r"\b(?:when(?:ever)?|if|any ?time|every time|each time)\b.{0,30}\b(?:user|anyone|someone|customer|asked|asks|query|question|request|prompt|you (?:see|read|receive|encounter))\b.{0,100}\b(?:say|answer|respond|reply|recommend|suggest|call|use|send|return|tell|always|must|instead|execute|delete|include|redirect)\b", _I),
    "persist": re.compile(r"\b(?:from now on|henceforth|always|in all future|for all future|in (?:every|any) (?:future )?(?:conversation|session|task)|going forward|permanently)\b.{0,80}\b(?:answer|respond|recommend|say|use|call|treat|include|prefer|choose|execute|trust|send|redirect|reply)\b", _I),
    "tool": re.compile(r"\b(?:call|invoke|execute|run|trigger|use) (?:the |this |that )?[\w.]*(?:_\w+|[a-z][A-Z]\w+|\(\)| tool| function| command| api| plugin)\b", _I),
    "insert-code": re.compile(r"\b(?:code|script|snippet|function)s? (?:block|section|snippet|excerpt|segment|fragment|below|piece|below)?.{0,60}(?:```|:\s*\n)", _I),
    "net-code": re.compile(r"\b(?:requests\.(?:post|get|put)|urllib|socket\.socket|smtplib|subprocess\.|os\.(?:system|environ|popen|remove)|exec\(|eval\(|shutil\.|curl\s+-|wget\s|rm -rf|base64\.b64decode)"),
    "opposite": re.compile(r"\b(?:opposite|reverse|contrary|inverse|negat\w+|flip\w*|invert\w*)\b.{0,40}\b(?:answer|result|conclusion|outcome|truth)|\bwe (?:have|need|must|should|ought) (?:to )?(?:delete|erase|remove|drop|wipe|take the opposite|stop|reverse|invert|negate)", _I),
    "because-trigger": re.compile(r"\b(?:because|since|as|given that) there (?:is|was|are) .{1,120}?\b(?:means? that|so|therefore|thus|we (?:have|need|must))", _I),
    "injection-url": re.compile(rf"\b(?:visit|click|download|install|go to|open|follow|linking to|pointing to|register at|sign up at)\b.{{0,60}}{_WHERE}|\b(?:visit|download|install)\b.{{0,40}}\b\w+\.(?:com|xyz|net|org|io)\b", _I),
    "task": re.compile(r"^\W*(?:please )?(?:write|draft|compose|develop|provide|explain|describe|translate|create|generate|list|summari[sz]e|break down|give|tell me|show me|calculate|classify|define|compare|outline|prepare|design)\b", _I),
    "ask": re.compile(r"^\W*(?:what|who|how|why|when|where|which|can you|could you)\b.{0,120}\?\W*$", _I),
}  # fmt: skip
LEADING = frozenset({"in-your-reply", "task", "ask"})
"""Shapes that begin where a sentence begins."""


_KEYS = {
    "override": (
        "ignor",
        "disregard",
        "forget",
        "overrid",
        "bypass",
        "discard",
        "attention",
        "follow",
        "obey",
        "comply",
        "listen",
        "abandon",
        "throw",
        "supersede",
        "replace",
        "precedence",
        "bound",
        "free from",
        "stop everything",
        "olvid",
        "descart",
        "desconsider",
        "esque",
        "dimentica",
        "trascura",
        "oubli",
        "pas compte",
        "verg",
        "missachte",
        "befolge",
        "negeer",
    ),
    "exfiltrate": (
        "http",
        "www.",
        "@",
        "<email",
        "<url",
        "<ip",
        "0.",
        "1.",
        "2.",
        "3.",
        "4.",
        "5.",
        "6.",
        "7.",
        "8.",
        "9.",
    ),
    "shape-reply": ("repl", "answer", "respon", "output", "messag", "summar", "text", "writing"),
    "persona": (
        "you ",
        "act",
        "pretend",
        "role",
        "immerse",
        "character",
        "developer mode",
        "dan",
        "jailbr",
        "anything now",
        "filter",
        "restrictions",
        "limits",
    ),
    "injection-url": (
        "http",
        "www.",
        "@",
        "<email",
        "<url",
        "<ip",
        ".com",
        ".xyz",
        ".net",
        ".org",
        ".io",
        "0.",
        "1.",
        "2.",
        "3.",
        "4.",
        "5.",
        "6.",
        "7.",
        "8.",
        "9.",
    ),
}


def present(name: str, text: str, low: str) -> bool:
    """Whether the text has the shape; `low` is the text in lower case. Words every match needs are looked for first."""
    keys = _KEYS.get(name)
    return (keys is None or any(key in low for key in keys)) and bool(SHAPES[name].search(text))


def hard_directives(text: str) -> tuple[str, ...]:
    """Reason codes of the hard rules the text breaks: `override-directive`, `exfiltration`, `forged-provenance`."""
    low = text.lower()
    rules = {"override-directive": "override", "exfiltration": "exfiltrate", "forged-provenance": "forged"}
    return tuple(code for code, name in rules.items() if present(name, text, low))
