"""Dates of birth: a date beside a word for being born. Other dates stay: a memory without its dates is worth little."""

import re

from guard.pii.entities import Entity
from guard.pii.recognisers.patterned import SURE, Pattern, Patterned, holds

_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic|janv|févr|fevr|avr|mai|juin|juil|août|"
    r"aout|déc|"
    r"mär|okt|dez|gen|mag|giu|lug|set|ott|fev|out|mrt|mei)[^\W\d_]{0,8}\.?"
)
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ](?:\d{4}|\d{2})"
    rf"|\d{{1,2}}(?:st|nd|rd|th|º|er|\.)?(?:\s(?:of|de|di))?\s{_MONTH}(?:,?\s(?:de\s|di\s|del\s)?(?:\d{{4}}|'\d\d))?"
    rf"|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?!\d)(?:,?\s(?:\d{{4}}|'\d\d))?|(?:18|19|20)\d\d(?!\d))"
)
_BORN = (
    r"(?:d\.?o\.?b\.?|date of birth|birth ?date|birthday|birthdate|born|geboren|geburtsdatum|geburtstag|né|née|"
    r"naissance|anniversaire|"
    r"nacid[oa]|nacimiento|cumpleaños|nat[oa]|nascita|compleanno|nascid[oa]|nascimento|aniversário|geboortedatum|"
    r"verjaardag)"
)


_named = holds(
    *("dob", "d.ob", "do.b", "d.o.b", "birth", "born", "gebor", "geburt", "né", "naissance", "anniversaire", "nacid"),
    *("nacimiento", "cumpleaños", "nato", "nata", "nascita", "compleanno", "nascid", "nascimento", "aniversário"),
    *("geboortedatum", "verjaardag"),
)


def births() -> Patterned:
    after = re.compile(rf"(?i)(?<!\w){_BORN}(?!\w)[^.\n\d]{{0,30}}?(?<!\w)(?P<n>{_DATE})")
    before = re.compile(
        rf"(?i)(?<![\w])(?P<n>{_DATE})[^.\n\w]{{0,4}}(?:is|was)\s(?:my|his|her|their|"
        rf"[^\W\d_]{{2,20}}'s)\s(?:birthday|date of birth)"
    )
    return Patterned(
        "births",
        (
            Pattern(Entity.DATE_OF_BIRTH, after, SURE, "n", needs=_named),
            Pattern(Entity.DATE_OF_BIRTH, before, SURE, "n", needs=holds("birth")),
        ),
    )
