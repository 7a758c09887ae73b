"""A visitor without a browser: Django's client, signed in. For the many small branches; what runs is seen elsewhere."""

from __future__ import annotations

import html
import re
from typing import Any

from django.db import connections
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


def statements(visitor: Visitor, path: str) -> int:
    """How many statements a page takes, of both databases; keys and caches of this process are warm by then."""
    counted: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        counted.append(sql)
        return execute(sql, params, many, context)

    assert visitor.get(path).status_code == 200, path
    with connections["default"].execute_wrapper(watch), connections["keyring"].execute_wrapper(watch):
        assert visitor.get(path).status_code == 200, path
    return len(counted)
