"""Looking closely at a page finds what is wrong with it, so that finding nothing means something."""

import pytest
from playwright.async_api import Page

from tests.browser.chromium import CHROMIUM, MISSING
from tests.browser.looks import shortcomings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("flows"),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING),
    pytest.mark.asyncio,
]

GOOD = """<!doctype html><html lang="en"><title>Good</title><meta name="viewport" content="width=device-width">
<body bgcolor="#ffffff" text="#000000"><main><h1>Good</h1><h2>Fine</h2>
<label for="name">Name</label><input id="name" name="name" autocomplete="name" size="10">
<button>Send it</button> <img alt="" src="data:,"></main></body></html>"""


WRONG = [
    ('lang="en"', "", "no lang"),
    ("<title>Good</title>", "", "no title"),
    ("<h2>Fine</h2>", "<h1>Fine</h1>", "2 h1"),
    ("h2>", "h3>", "h3 after h1"),
    ('for="name"', "", "no label: name"),
    (' autocomplete="name"', "", "no autocomplete: name"),
    ("Send it", "", "nothing written on <button>"),
    ('alt="" ', "", "no alt"),
    ("<button>", '<button id="name">', "an id twice"),
    ("<button>", '<button aria-describedby="help">', "aria-describedby leads nowhere: help"),
    ("<h2>", '<h2 style="margin:0">', "an inline script or style"),
    ("Fine", "Fine" * 40, "320 px: scrolls sideways"),
    ("<button>", '<button style="width:20px;min-width:0;padding:0">', "too small: <button"),
    ("<h2>", '<h2 style="color:#888">', "light: contrast of H2"),
    ("<input ", '<input style="border:1px solid #ddd" ', "light: contrast of the border of name"),
    ("<button>", '<button tabindex="-1">', "not reached by Tab: [1] of 2"),
    ("<button>", '<button style="outline:none">', "the focus cannot be seen on <button"),
    (
        "<h2>",
        '<a href="#" tabindex="9">One</a> <a href="#" tabindex="8">Two</a><h2>',
        "Tab goes to and fro",
    ),
]
"""What to replace by what, and what is then said."""
STYLE = ":focus-visible { outline: 2px solid } input, button, a { min-width: 2rem; min-height: 2rem }"


async def show(page: Page, content: str) -> None:
    """The page with our style, which is in no element of it."""
    await page.set_content(content)
    await page.evaluate(
        "text => { const sheet = new CSSStyleSheet(); sheet.replaceSync(text); document.adoptedStyleSheets = [sheet]; }",
        STYLE,
    )


async def test_nothing_is_wrong_with_a_good_page(page: Page) -> None:
    await show(page, GOOD)
    assert await shortcomings(page) == []


async def test_each_thing_that_is_wrong_is_named(page: Page) -> None:
    missed = []
    for was, becomes, said in WRONG:
        assert was in GOOD
        await show(page, GOOD.replace(was, becomes))
        found = await shortcomings(page)
        if not [one for one in found if said in one]:
            missed.append((becomes, said, found))
    assert missed == []
