"""Every document of the console is one that the API answers: valid, within its limits, and used."""

import hashlib
from importlib.resources import files

import pytest

from identity_api.graphql.schema import build
from identity_api.web.console.asking import document_of
from identity_api.web.console.forms import FORMS
from identity_api.web.console.pages import PAGES

SCHEMA = build()
NAMES = sorted({one.document for one in (*PAGES, *FORMS)})


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_valid_and_within_the_limits(name: str) -> None:
    prepared = SCHEMA.documents.prepare(document_of(name))
    assert list(prepared.errors) == []
    assert prepared.document is not None


def test_every_document_and_template_belongs_to_a_page_or_a_form() -> None:
    folder = files("identity_api.web.console")
    documents = {file.name.removesuffix(".graphql") for file in (folder / "documents").iterdir()}
    templates = {file.name.removesuffix(".html") for file in (folder / "templates").iterdir()}
    assert {name for name in documents if name[0] != "_"} == set(NAMES)
    assert {name for name in templates if name[0] != "_"} == {page.name for page in PAGES} | {"base"}


def test_the_vendored_script_is_the_one_that_its_page_names() -> None:
    static = files("identity_api.web.console") / "static"
    digest = hashlib.sha256((static / "htmx.min.js").read_bytes()).hexdigest()
    assert digest in (static / "README.md").read_text("utf-8")
