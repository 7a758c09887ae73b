"""Countries in the languages we read, capitals and great cities, US states: places the models miss at a text's edge.

The country names are those `phonenumbers` carries (CLDR), the capitals those of the time-zone database.
"""

from __future__ import annotations

import importlib.util
import re
import zoneinfo
from functools import cache
from pathlib import Path
from typing import Any

import phonenumbers
from presidio_analyzer import EntityRecognizer, RecognizerResult

from guard.pii.entities import Entity
from guard.pii.language import READ
from guard.pii.recognisers.patterned import LANGUAGE, LIKELY, result

_WORD = re.compile(r"[^\W\d_](?:[\w'’-]|\.(?=\w))*\.?")
_CONTINENTS = ("Africa/", "America/", "Asia/", "Australia/", "Europe/", "Pacific/")
_NO_CITIES = frozenset(
    [
        "ACT",
        "LHI",
        "NSW",
        "North",
        "South",
        "West",
        "Center",
        "Central",
        "Eastern",
        "Easter",
        "Mountain",
        "Knox",
        "Male",
    ]
)
_STATES = """
Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Georgia Hawaii Idaho Illinois
Indiana Iowa Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan Minnesota Mississippi Missouri
Montana Nebraska Nevada New_Hampshire New_Jersey New_Mexico New_York North_Carolina North_Dakota Ohio Oklahoma
Oregon Pennsylvania Rhode_Island South_Carolina South_Dakota Tennessee Texas Utah Vermont Virginia Washington
West_Virginia Wisconsin Wyoming
"""
_CITIES = """
Aachen Aberdeen Alicante Amersfoort Antwerp Antwerpen Atlanta Augsburg Austin Baltimore Bangalore Barcelona
Barcelone Bari Basel Belfast Bergen Bielefeld Bilbao Birmingham Bochum Bologna Bonn Bordeaux Boston Braga
Brasília Breda Bremen Brescia Brest Brighton Bristol Bruges Brugge Bruxelles Brüssel Calgary Cambridge
Cape_Town Cardiff Cartagena Catania Charlotte Cincinnati Cleveland Coimbra Colonia Columbus Copenhague Coruña
Curitiba Dallas Dijon Dortmund Dresden Duisburg Dundee Düsseldorf Edinburgh Eindhoven El_Paso Firenze Florence
Florencia Fort_Worth Frankfurt Freiburg Fukuoka Geneva Genova Genève Ghent Glasgow Granada Graz Grenoble
Groningen Göteborg Guadalajara Haarlem Hamburg Hannover Heidelberg Houston Hyderabad Indianapolis Innsbruck
Jacksonville Karlsruhe Kiel Köln Krakow Kraków Kyoto Las_Vegas Lausanne Leeds Leicester Leiden Leipzig Lille
Lisboa Lissabon Liverpool Lodz Londen Londres Londra Long_Beach Lyon Maastricht Malmö Manchester Mannheim
Marseille Medellín Melbourne Memphis Miami Milan Milano Milwaukee Minneapolis Montpellier Montréal Moscow
Mumbai Munich München Munique Murcia Málaga Nagoya Nantes Naples Napoli Nashville New_Orleans Newcastle
Nijmegen Nottingham Nuremberg Nürnberg Oakland Oklahoma_City Orlando Osaka Ottawa Oviedo Oxford Padova Palermo
Palma Pamplona Parma Philadelphia Pisa Pittsburgh Plymouth Porto Porto_Alegre Portland Praha Recife Rennes
Rio_de_Janeiro Roma Rotterdam Sacramento Salamanca Salt_Lake_City Salvador Salzburg San_Antonio San_Diego
San_Francisco San_José San_Jose Santander Seattle Sevilla Seville Sheffield Southampton Strasbourg Stuttgart
Tampa The_Hague Tilburg Torino Toulouse Trieste Tucson Turin Utrecht Valencia Valladolid Venezia Venice Verona
Vigo Warszawa Wien Wiesbaden Winnipeg Wroclaw Wrocław Würzburg Yokohama Zaragoza Zurich Zürich
"""
_SHORT = frozenset(
    {
        "USA",
        "U.S.A.",
        "U.S.",
        "UK",
        "U.K.",
        "UAE",
        "NYC",
        "England",
        "Scotland",
        "Wales",
        "Holland",
        "Great Britain",
        "Britain",
    }
)


@cache
def _names() -> dict[str, tuple[int, ...]]:
    """First word to the lengths, in words, of the names that begin with it, longest first; and the names themselves."""
    lengths: dict[str, set[int]] = {}
    for name in _all():
        parts = name.split()
        lengths.setdefault(parts[0], set()).add(len(parts))
    return {first: tuple(sorted(counts, reverse=True)) for first, counts in lengths.items()}


@cache
def _all() -> frozenset[str]:
    listed = {name.replace("_", " ") for text in (_STATES, _CITIES) for name in text.split()}
    zones = {zone for zone in zoneinfo.available_timezones() if zone.startswith(_CONTINENTS)}
    cities = {zone.rsplit("/", 1)[1].replace("_", " ") for zone in zones}
    return frozenset(listed | (cities - _NO_CITIES) | _countries() | _SHORT)


def _countries() -> set[str]:
    """Loaded from its file alone: the package around it holds 200 MB of dialling codes."""
    path = Path(phonenumbers.__file__).parent / "geodata" / "locale.py"
    spec = importlib.util.spec_from_file_location("phonenumbers.names.locale", path)
    assert spec
    assert spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        _resolved(by_language, by_language[language])
        for by_language in module.LOCALE_DATA.values()
        for language in READ
        if language in by_language
    }


def _resolved(by_language: dict[str, str], name: str) -> str:
    """`*aa` means: as in the language `aa`."""
    return by_language[name[1:]] if name.startswith("*") else name


class Places(EntityRecognizer):  # type: ignore[misc]
    """Well-known places, as they are written with capitals."""

    def __init__(self) -> None:
        super().__init__(supported_entities=[Entity.LOCATION.value], name="places", supported_language=LANGUAGE)

    def load(self) -> None:
        self._lengths, self._known = _names(), _all()

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any) -> list[RecognizerResult]:
        words = list(_WORD.finditer(text))
        found: list[RecognizerResult] = []
        place = 0
        while place < len(words):
            count = self._name_at(words, place)
            if count:
                last = words[place + count - 1]
                found.append(result(Entity.LOCATION, words[place].start(), last.end(), LIKELY))
            place += count or 1
        return found

    def _name_at(self, words: list[re.Match[str]], place: int) -> int:
        """How many words from here make a name."""
        first = _bare(words[place][0])
        for count in self._lengths.get(first, ()):
            parts = words[place : place + count]
            if (
                len(parts) == count
                and " ".join([part[0] for part in parts[:-1]] + [_bare(parts[-1][0])]) in self._known
            ):
                return count
        return 0


def _bare(word: str) -> str:
    """Without a stop at a sentence's end and a possessive."""
    word = word if word in _SHORT else word.rstrip(".")
    return word[:-2] if word.endswith(("'s", "’s")) else word
