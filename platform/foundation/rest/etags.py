"""Entity tags and their preconditions: `"v<version>-<rev>"` (RFC 9110 §8.8.3, §13.1.1)."""

from __future__ import annotations

import re

from rest_framework.request import Request

from foundation.kernel.problems import PreconditionRequired, VersionConflict

_LISTED = re.compile(r'\s*(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


def etag(version: int, rev: int = 0) -> str:
    """The tag of one state of a record: `version` counts contents, `rev` the headers over it."""
    return f'"v{version}-{rev}"'


def if_match(request: Request) -> str:
    """The precondition that PATCH, PUT and DELETE must carry; raises `PreconditionRequired` (428)."""
    header: str = request.headers.get("If-Match", "").strip()
    if not header:
        raise PreconditionRequired("Send If-Match with the ETag that you read.")
    return header


def require_match(given: Request | str, tag: str) -> None:
    """Refuse (412) unless `given`, a request or its If-Match, names `tag`. Call it on the row that is locked.

    `*` matches whatever exists; a weak tag matches nothing (strong comparison).
    """
    header = given if isinstance(given, str) else if_match(given)
    if header != "*" and tag not in _strong(header):
        raise VersionConflict("The record has changed since it was read.")


def _strong(header: str) -> set[str]:
    tags, at = set(), 0
    while found := _LISTED.match(header, at):
        if not found["weak"]:
            tags.add(found["tag"])
        at = found.end()
        if at >= len(header):
            return tags
    return set()  # a list that does not parse matches nothing
