"""Street addresses by shape, in the orders people write them; what stands next to them is joined later (`assembly`)."""

import re

from guard.pii.entities import Entity
from guard.pii.recognisers.patterned import LIKELY, SURE, SUSPECTED, Pattern, Patterned, digits, folded, holds

_A = Entity.ADDRESS
_CAP = r"[^\W\d_a-z][\w'’.\-]{0,30}"
_NUMBER = r"\d{1,6}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?"
_SUFFIX = (
    r"(?:street|st|avenue|ave|av|road|rd|boulevard|blvd|drive|dr|lane|ln|court|ct|place|pl|square|sq|terrace|ter|"
    r"way|parkway|pkwy|"
    r"highway|hwy|close|crescent|cres|gardens|grove|mews|row|walk|circle|cir|trail|alley|plaza|turnpike|quay|"
    r"wharf|rise|hill|esplanade|parade)"
)
_LEADING = (
    r"(?:rue|avenue|av\.|boulevard|bd|place|allée|chemin|impasse|quai|calle|c/|avenida|avda\.?|plaza|paseo|"
    r"carrer|camino|via|viale|"
    r"piazza|corso|vicolo|strada|largo|rua|praça|travessa|estrada|ulica|ul\.|al\.|os\.|ulice|plac|prinses|laan van)"
)
_ENDINGS = (
    *("straße", "strasse", "str.", "gasse", "weg", "platz", "allee", "ring", "damm", "ufer", "gata", "gatan", "gate"),
    *("gade", "vägen", "vei", "veien", "vej", "väg", "stien", "katu", "tie", "kuja", "polku", "straat", "laan"),
    *("plein", "gracht", "kade", "dreef", "utca", "kapu", "dwars", "götu", "stígur", "braut", "vegur"),
)
_COMPOUND = rf"[^\W\d_][\w.\-]{{1,30}}(?:{'|'.join(re.escape(ending) for ending in _ENDINGS)})"
_UNIT = (
    r"(?:apt|apartment|suite|ste|unit|flat|room|rm|floor|fl|building|bldg|lot|dept)\.?\s?#?[A-Za-z]?\d{1,5}[A-Za-z]?"
)
_UK_POSTCODE = r"(?<!\w)[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}(?!\w)"

_leading = holds(
    *("rue", "avenue", "av.", "boulevard", "bd", "place", "allée", "chemin", "impasse", "quai", "calle", "c/", "avda"),
    *("avenida", "plaza", "paseo", "carrer", "camino", "via", "piazza", "corso", "vicolo", "strada", "largo", "rua"),
    *("praça", "travessa", "estrada", "ulic", "ul.", "al.", "os.", "plac", "prinses", "laan van"),
)
_NUMBERED = re.compile(r"\s\d")
_FOLDED_ENDINGS = tuple({folded(ending) for ending in _ENDINGS})


def _numbered_compound(text: str) -> bool:
    """Whether a number stands behind an ending of a street's name."""
    return any(text.endswith(_FOLDED_ENDINGS, 0, number.start()) for number in _NUMBERED.finditer(text))


def addresses() -> Patterned:
    english = (
        rf"(?<![\w.])(?:{_NUMBER}\s){{1,2}}(?:(?:{_CAP}|\d{{1,3}}(?:st|nd|rd|th))\s){{1,4}}(?i:{_SUFFIX})(?!\w)\.?"
    )
    lower = (
        rf"(?i)(?<![\w.]){_NUMBER}\s(?:[^\W\d_][\w'’.\-]{{1,30}}\s){{1,3}}"
        r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|drive|lane)(?!\w)\.?"
    )
    leading = (
        rf"(?<!\w)(?i:{_LEADING})\s(?:(?:de|del|della|di|la|le|les|du|des|do|da|dos|los|las|van|der|den|het|of|"
        rf"d'|l')\s?)"
        rf"{{0,3}}(?:{_CAP}\s?){{1,4}},?\s?(?:n[°º.]?\s?)?(?:{_NUMBER})?"
    )
    corner = (
        rf"(?i:(?:the\s)?(?:corner|intersection|junction) of)(?:\s(?:{_CAP}|{_NUMBER}|(?:and|&|de|del|du|la))){{2,10}}"
    )
    return Patterned(
        "addresses",
        (
            Pattern(_A, re.compile(english), SURE, needs=digits(1)),
            Pattern(_A, re.compile(lower), LIKELY, needs=digits(1)),
            Pattern(_A, re.compile(rf"(?<!\w)(?:{_NUMBER},?\s)?{leading}"), LIKELY, needs=_leading),
            Pattern(
                _A,
                re.compile(rf"(?<!\w)(?:{_NUMBER}\s)?(?:{_CAP}\s){{0,2}}(?i:{_COMPOUND})\s{_NUMBER}(?!\w)"),
                LIKELY,
                needs=_numbered_compound,
            ),
            Pattern(
                _A,
                re.compile(
                    r"(?i)(?<!\w)p\.?\s?o\.?\s?box\s\d{1,7}|(?<!\w)(?:psc|unit|cmr)\s\d{1,5},?\s{1,2}box\s\d{1,6}"
                ),
                SURE,
                needs=holds("box"),
            ),
            Pattern(
                _A,
                re.compile(r"(?i)(?<!\w)(?:APO|FPO|DPO)\s(?:AA|AE|AP)\s\d{5}(?:-\d{4})?(?!\d)"),
                SURE,
                needs=holds("apo", "fpo", "dpo"),
            ),
            Pattern(
                _A,
                re.compile(
                    r"(?i)(?<!\w)US(?:NS|CGC|S|NV)\s[^\W\d_][\w'’.\-]{0,30}"
                    r"(?:\s[^\W\d_][\w'’.\-]{0,30})?,?\s{1,2}(?=[AFD]PO\s)"
                ),
                LIKELY,
                needs=holds("usns", "uscgc", "uss", "usnv"),
            ),
            Pattern(_A, re.compile(rf"(?i)(?<!\w){_UNIT}(?!\w)"), SUSPECTED, needs=digits(1)),
            Pattern(_A, re.compile(corner), LIKELY, needs=holds("corner of", "intersection of", "junction of")),
            Pattern(_A, re.compile(_UK_POSTCODE), LIKELY, needs=digits(1)),
            Pattern(_A, re.compile(r"(?<![\w.])[A-Z]{2}\s\d{5}(?:-\d{4})?(?![\w-])"), LIKELY, needs=digits(5)),
            Pattern(
                _A,
                re.compile(
                    rf"(?i:\b(?:address|lives? (?:at|on|in)|located at|reside[sd]? at|moved to|ship(?:ped)? to|"
                    rf"deliver(?:ed)? to|mail(?:ed)? to)\b)[^\w\n]{{0,3}}(?:is\s|to\s|"
                    rf"was\s)?(?P<n>{_NUMBER}\s{_CAP}(?:[ ,]{{1,2}}(?:{_CAP}|{_NUMBER})){{0,6}})"
                ),
                LIKELY,
                "n",
                needs=holds("address", "live", "located at", "reside", "moved to", "ship", "deliver", "mail"),
            ),
        ),
    )
