"""Every link within the repository leads somewhere."""

import pytest

from tests.docs.pages import ROOT, anchors, links, pages

PAGES = pages("*.md", "docs/**/*.md")
GENERATED = {"docs/compatibility.md", "docs/permissions.md", "docs/schema.sql", "docs/troubleshooting.md"}
"""Written by `make schema`; they need not be there before it has run."""


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_page_lead_somewhere(page: str) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        name = target.resolve().relative_to(ROOT).as_posix()
        assert target.exists() or name in GENERATED, link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(name), link


def test_every_document_is_reached_from_the_readme() -> None:
    reached, waiting = set[str](), ["README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.endswith(".md") or not (ROOT / page).is_file():
            continue
        reached.add(page)
        for link in links(page):
            target = ((ROOT / page).parent / link.partition("#")[0]).resolve()
            waiting += pages(f"{target.relative_to(ROOT)}/*.md") if target.is_dir() else [str(target.relative_to(ROOT))]
    wanted = [page for page in PAGES if page.startswith("docs/")]
    assert [page for page in wanted if page not in reached] == []
