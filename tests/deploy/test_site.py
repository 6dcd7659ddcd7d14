"""The documentation site's first page, and links to files that it does not have; `make docs` builds the whole, strictly."""

import importlib.util
import logging
from types import ModuleType, SimpleNamespace

import pytest

from tests.deploy.servers import DEPLOY, ROOT


@pytest.fixture
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", DEPLOY / "site" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rewritten(hook: ModuleType, markdown: str, repo_url: str | None = None) -> str:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="providers/okta.md"))
    config = SimpleNamespace(docs_dir=str(ROOT / "docs"), repo_url=repo_url)
    known = {"security.md": SimpleNamespace(inclusion=SimpleNamespace(is_included=lambda: True))}
    files = SimpleNamespace(get_file_from_path=known.get)
    return str(hook.on_page_markdown(markdown, page=page, config=config, files=files))


def test_a_link_to_a_page_of_the_site_stays(hook: ModuleType) -> None:
    assert rewritten(hook, "[why](../security.md#a)") == "[why](../security.md#a)"


def test_a_link_to_a_file_of_the_repository_is_its_text_or_leads_there(hook: ModuleType) -> None:
    assert rewritten(hook, "see [the recipe](../../Makefile).") == "see the recipe."
    told = rewritten(hook, "[the recipe](../../Makefile)", "https://git.example.com/identity/")
    assert told == "[the recipe](https://git.example.com/identity/blob/main/Makefile)"


def test_a_link_to_nothing_is_a_warning_which_ends_a_strict_build(
    hook: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        rewritten(hook, "[gone](../../nowhere.md)")
    assert "leads to ../../nowhere.md, which does not exist" in caplog.text


def test_the_first_page_is_the_readme_with_links_of_the_documents(hook: ModuleType) -> None:
    readme = (
        "![page](docs/images/a.png) [sync](docs/sync.md#b), [how](CONTRIBUTING.md), [out](https://example.com/docs/x)"
    )
    assert hook.first_page(readme) == (
        "![page](images/a.png) [sync](sync.md#b), [how](../CONTRIBUTING.md), [out](https://example.com/docs/x)"
    )
