"""The GraphiQL page and its files: from our own origin, under a strict policy, cached by content."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

import identity_api.web.pages.graphiql
from identity_api.web.pages.graphiql import CONTENT_SECURITY_POLICY, graphiql_handlers, load_assets, render_page

FOLDER = Path(identity_api.web.pages.graphiql.__file__).parent / "static" / "graphiql"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(Litestar(graphiql_handlers("/graphql", "/t/{tenant:str}/graphql"), openapi_config=None)) as client:
        yield client


def references(page: str) -> list[str]:
    return [address for address in re.findall(r'(?:src|href)="([^"]*)"', page) if not address.startswith("data:")]


@pytest.mark.parametrize("path", ["/graphql", "/t/acme/graphql"])
def test_the_page_is_html_under_a_policy_without_inline_scripts_or_foreign_origins(
    client: TestClient[Litestar], path: str
) -> None:
    answer = client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "script-src 'self';" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert re.findall(r"<script(?![^>]* src=)", answer.text) == []
    assert "style=" not in answer.text
    assert "://" not in answer.text


def test_every_file_the_page_names_is_served_by_us_for_ever(client: TestClient[Litestar]) -> None:
    addresses = references(client.get("/graphql").text)
    assert len(addresses) == 6
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/graphql", "/static/graphiql/page.js"])
def test_a_client_that_has_the_content_gets_304_and_another_gets_it(client: TestClient[Litestar], path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_file_asked_for_without_its_version_is_not_cached_for_ever(client: TestClient[Litestar]) -> None:
    for address in ("/static/graphiql/page.js", "/static/graphiql/page.js?v=old"):
        assert client.get(address).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["nope.js", "README.md", "rebuild.sh", "..%2f..%2fgraphiql.py", "%2e%2e"])
def test_nothing_but_the_pages_files_is_served(client: TestClient[Litestar], name: str) -> None:
    assert client.get(f"/static/graphiql/{name}").status_code == 404


@pytest.mark.parametrize(
    ("address", "accept"),
    [
        ("/graphql?query={__typename}", "text/html"),
        ("/graphql?query=mutation{change}", "*/*"),
        ("/graphql", "application/json"),
        ("/graphql", "application/graphql-response+json"),
    ],
)
def test_a_query_by_get_is_405_and_told_the_method(client: TestClient[Litestar], address: str, accept: str) -> None:
    answer = client.get(address, headers={"Accept": accept})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["code"] == "METHOD_NOT_ALLOWED"


def test_the_page_follows_its_files() -> None:
    assets = load_assets()
    changed = {**assets, "page.js": type(assets["page.js"])(b"", "text/javascript", "0" * 32)}
    assert render_page(changed) != render_page(assets)


def test_the_pages_script_sends_the_header_the_service_asks_for() -> None:
    script = (FOLDER / "page.js").read_text()
    assert '"Identity-Request": "1"' in script
    assert 'credentials: "same-origin"' in script
    assert '"Accept": "application/graphql-response+json"' in script


def test_the_vendored_files_name_no_source_map_and_have_their_licences() -> None:
    for name in ("graphiql.min.js", "react.production.min.js", "react-dom.production.min.js"):
        assert "sourceMappingURL" not in (FOLDER / name).read_text()
    licences = (FOLDER / "LICENSES.txt").read_text()
    for package in ("graphiql 4.1.2", "react 18.3.1", "react-dom 18.3.1", "codemirror ", "graphql 16."):
        assert package in licences


def test_the_style_sheet_fetches_nothing() -> None:
    addresses = re.findall(r"url\(\s*[\"']?([^)\"']+)", (FOLDER / "graphiql.min.css").read_text())
    assert all(address.startswith("data:image/") for address in addresses)
