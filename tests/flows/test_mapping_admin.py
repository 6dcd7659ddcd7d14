"""A mapping admin edits through GraphQL: what is removed is out of force with the answer, what is added follows at once.

The provider is not asked for any of it: while the mappings change it is stopped, and answers nobody.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.flows.browser import Browser
from tests.flows.product import Product, descendants, eventually

pytestmark = pytest.mark.xdist_group("flows")

MINE = "{ viewer { permissions { name reasons { group { name } mapping { id } } } } }"
OUTCOME = "{ __typename ... on GroupMappingSaved { mapping { id version } } ... on Problem { code message } }"
CREATE = f"mutation ($input: CreateGroupMappingInput!) {{ createGroupMapping(input: $input) {OUTCOME} }}"
UPDATE = f"mutation ($input: UpdateGroupMappingInput!) {{ updateGroupMapping(input: $input) {OUTCOME} }}"
DELETE = (
    "mutation ($input: DeleteGroupMappingInput!) { deleteGroupMapping(input: $input)"
    " { __typename ... on Problem { code message } } }"
)
ADDITIONS_WITHIN_SECONDS = 2.0


@contextmanager
def silent_provider(product: Product) -> Iterator[None]:
    """The demo provider takes connections and answers none."""
    [pid] = [
        one
        for one in descendants(product.process.pid)
        if b"demo-provider" in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
    ]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def permission_ids(product: Product, browser: Browser) -> dict[str, str]:
    listed = browser.data(product.url, "{ permissions { edges { node { id name } } } }")["permissions"]["edges"]
    return {edge["node"]["name"]: edge["node"]["id"] for edge in listed}


def names_of(product: Product, browser: Browser) -> list[str]:
    return [one["name"] for one in browser.data(product.url, MINE)["viewer"]["permissions"]]


def test_a_mapping_is_made_changed_and_deleted_and_the_provider_is_not_asked(
    product: Product, browser: Browser, other_browser: Browser
) -> None:
    """S0-26, S0-54: by an admin of the tenant, without anybody's support."""
    product.signed_in(browser, "Alice Archer")
    product.signed_in(other_browser, "Dora Dyer")
    ids = permission_ids(product, other_browser)
    before = names_of(product, browser)
    assert "tickets:answer" not in before

    def run(mutation: str, **given: Any) -> dict[str, Any]:
        [payload] = other_browser.data(product.url, mutation, input=given).values()
        assert payload["__typename"] in ("GroupMappingSaved", "GroupMappingDeleted"), payload
        return payload

    with silent_provider(product):
        made = run(CREATE, pattern="plat*", match="GLOB", permissions=[ids["tickets:answer"]])["mapping"]
        eventually(lambda: "tickets:answer" in names_of(product, browser), within=ADDITIONS_WITHIN_SECONDS)
        held = browser.data(product.url, MINE)["viewer"]["permissions"]
        [ticket] = [one for one in held if one["name"] == "tickets:answer"]
        assert ticket["reasons"] == [{"group": {"name": "platform"}, "mapping": {"id": made["id"]}}]

        changed = run(UPDATE, **made, permissions=[ids["reports:read"]])["mapping"]
        assert "tickets:answer" not in names_of(product, browser)

        changed = run(UPDATE, **changed, permissions=[ids["reports:read"], ids["tickets:answer"]])["mapping"]
        eventually(lambda: "tickets:answer" in names_of(product, browser), within=ADDITIONS_WITHIN_SECONDS)

        run(DELETE, **changed)
        assert names_of(product, browser) == before


def test_a_mapping_of_a_group_of_ones_own_may_not_give_what_one_lacks(product: Product, browser: Browser) -> None:
    """I8: dora is in engineering herself."""
    product.signed_in(browser, "Dora Dyer")
    ids = permission_ids(product, browser)
    refused = browser.data(
        product.url, CREATE, input={"pattern": "engin*", "match": "GLOB", "permissions": [ids["tickets:answer"]]}
    )
    assert refused["createGroupMapping"]["code"] == "SELF_BENEFIT"
    assert "tickets:answer" not in names_of(product, browser)


def test_somebody_without_the_permission_edits_nothing(product: Product, browser: Browser) -> None:
    product.signed_in(browser, "Alice Archer")
    answer = browser.graphql(product.url, CREATE, input={"pattern": "sales", "permissions": ["x"]})
    assert answer["data"] == {"createGroupMapping": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
