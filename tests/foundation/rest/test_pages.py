"""Lists end, go on where they were, and their cursors are good for one tenant, one list, one set of filters."""

import pytest

from foundation.kernel.problems import Validation
from foundation.kernel.scope import tenant_transaction
from foundation.rest.pages import pager
from tests.foundation.rest.probe import make


@pytest.fixture
def five(tenant):
    import json

    return [json.loads(json.dumps(make().data))["id"] for _ in range(5)]


def pages(caller, limit):
    cursor = None
    while True:
        body = caller.get(f"/v1/things?limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json()
        yield body
        cursor = body["next_cursor"]
        if cursor is None:
            return


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_pages_show_everything_once_newest_first(caller, five, limit):
    shown = list(pages(caller, limit))
    assert [item["id"] for page in shown for item in page["data"]] == five[::-1]
    assert [page["has_more"] for page in shown] == [True] * (len(shown) - 1) + [False]
    assert all(page["data"] for page in shown)


def test_an_empty_list_is_a_page(caller):
    assert caller.get("/v1/things").json() == {"data": [], "next_cursor": None, "has_more": False}


def test_a_cursor_goes_on_after_its_item_whatever_came_since(caller, five):
    first = caller.get("/v1/things?limit=2").json()
    make()
    second = caller.get(f"/v1/things?limit=2&cursor={first['next_cursor']}").json()
    assert [item["id"] for item in second["data"]] == five[1:3][::-1]


def test_another_tenants_cursor_is_unknown(caller, neighbour, five):
    cursor = caller.get("/v1/things?limit=2").json()["next_cursor"]
    response = neighbour.get(f"/v1/things?cursor={cursor}")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "unknown-cursor")
    assert caller.get(f"/v1/things?cursor={cursor}").status_code == 200


def test_a_cursor_changed_in_one_place_is_unknown(caller, five):
    cursor = caller.get("/v1/things?limit=2").json()["next_cursor"]
    changed = cursor[:-5] + ("A" if cursor[-5] != "A" else "B") + cursor[-4:]
    assert caller.get(f"/v1/things?cursor={changed}").status_code == 422


def test_a_cursor_says_nothing_of_where_it_stands(caller, five):
    import base64

    cursor = caller.get("/v1/things?limit=2").json()["next_cursor"]
    inside = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    assert five[3].encode() not in inside
    assert cursor != caller.get("/v1/things?limit=2").json()["next_cursor"]


def test_a_cursor_belongs_to_its_list_and_its_filters(tenant, five):
    with tenant_transaction():
        first = pager("things", {"limit": 1, "state": "due"}).cut([1, 2], lambda n: n, lambda n: n)
    query = {"cursor": first.next_cursor, "limit": 1, "state": "due"}
    assert pager("things", query).after == 1
    for name, changed in (("others", query), ("things", query | {"state": "dead"})):
        with pytest.raises(Validation):
            pager(name, changed)
