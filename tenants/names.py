"""Names that stand readable at rest: tenants, credentials, people of the staff. Short, of limited characters."""

from __future__ import annotations

import re

from foundation.kernel.problems import FieldError, Validation
from foundation.rest.fields import NAME

_NAME = re.compile(NAME.removeprefix("^").removesuffix("$"))


def require_name(name: str) -> str:
    """`name` itself; raises `Validation` for what may not stand in the clear. REST has refused it before: this is for
    the command line and other callers."""
    if not _NAME.fullmatch(name):
        raise Validation(errors=[FieldError("/name", "pattern", "1 to 64 letters, digits and ._:@+'()/- or spaces.")])
    return name
