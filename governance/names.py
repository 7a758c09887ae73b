"""What staff call the things that ids stand for: principals and spaces, whose names are on the reviewed clear list."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from foundation.kernel.principal import SYSTEM_ID, Principal
from foundation.kernel.rows import select
from governance import selectors
from tenants.models import PrincipalRecord


def principals(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """The names of those principals that are known (inside a transaction)."""
    wanted = {each for each in ids if each is not None}
    found = select(PrincipalRecord, "id = ANY(%s)", [list(wanted)]) if wanted else ()
    return {row.id: row.name for row in found} | ({SYSTEM_ID: "the platform"} if SYSTEM_ID in wanted else {})


def spaces(principal: Principal) -> Mapping[UUID, str]:
    """The names of the spaces the principal reaches, in order of name (inside a transaction)."""
    found = selectors.spaces(principal).values_list("id", "name")
    return dict(sorted(found, key=lambda each: each[1].casefold()))
