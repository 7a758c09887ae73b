"""A visitor without a browser: Django's client, signed in. For the many small branches; what runs is seen elsewhere."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client

from tests.console.house import House
from tests.console.watching import BROWSER


class Visitor:
    """`get` and `post` answer the response; `text` is its visible text."""

    def __init__(self, house: House, role: str) -> None:
        self.client = Client(headers={"user-agent": BROWSER})
        self.client.cookies["memwrit"] = house.session(role)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/console/{path}", query)

    def post(self, path: str, /, **fields: Any) -> Any:
        return self.client.post(f"/console/{path}", fields)


def text(response: Any) -> str:
    """What a reader sees of a page: no tags, one space between words."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())
