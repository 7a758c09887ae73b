"""What the PII pass looks for: a closed set, so that policies, counts and tokens speak the same words."""

from enum import StrEnum


class Entity(StrEnum):
    """The kinds of personal data. The value stands in tokens (`<PERSON_k3f9x2mq7a>`) and in the API."""

    SECRET = "SECRET"  # noqa: S105
    CARD = "CARD"
    BANK_ACCOUNT = "BANK_ACCOUNT"
    NATIONAL_ID = "NATIONAL_ID"
    PASSPORT = "PASSPORT"
    DRIVER_LICENCE = "DRIVER_LICENCE"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    IP_ADDRESS = "IP_ADDRESS"
    HANDLE = "HANDLE"
    URL = "URL"
    ADDRESS = "ADDRESS"
    PERSON = "PERSON"
    LOCATION = "LOCATION"


# Where findings overlap, one of these names the whole, however short its own part is.
SEVERE = (
    Entity.SECRET,
    Entity.CARD,
    Entity.BANK_ACCOUNT,
    Entity.NATIONAL_ID,
    Entity.PASSPORT,
    Entity.DRIVER_LICENCE,
)
# What is known by its digits. Dates and years look like each of them to a model.
NUMBERED = frozenset({Entity.PHONE, Entity.ADDRESS, Entity.PASSPORT, Entity.NATIONAL_ID, Entity.BANK_ACCOUNT})
PRECEDENCE = {entity: place for place, entity in enumerate(Entity)}
