"""What staff call the things that ids stand for: principals and spaces, whose names are on the reviewed clear list."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from foundation.kernel.principal import Principal
from governance import selectors
from tenants.selectors import names_of


def principals(ids: Iterable[UUID | None]) -> Mapping[UUID, str]:
    """The names of those principals that are known (inside a transaction)."""
    return names_of(each for each in ids if each is not None)


def spaces(principal: Principal) -> Mapping[UUID, str]:
    """The names of the spaces the principal reaches, in order of name (inside a transaction)."""
    found = selectors.spaces(principal).values_list("id", "name")
    return dict(sorted(found, key=lambda each: each[1].casefold()))
