"""axe-core, which finds faults of accessibility in a page as it is shown. It comes from npm with the interoperation tests."""

from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page, ViewportSize

SCRIPT: Final = Path(__file__).parents[1] / "interop" / "node_modules" / "axe-core" / "axe.min.js"
MISSING: Final = "axe-core is missing; run: npm ci --prefix tests/interop"
NARROW: Final = ViewportSize(width=320, height=640)
WIDE: Final = ViewportSize(width=1_280, height=900)

_RUN: Final = """async (only) => {
  const options = only === null ? {} : { runOnly: { type: "rule", values: only } };
  const found = await axe.run(document, { ...options, resultTypes: ["violations"], preload: false });
  return found.violations.map((one) => ({ id: one.id, help: one.help, where: one.nodes.map((node) => node.html.slice(0, 120)) }));
}"""
_SPACE: Final = ["target-size", "scrollable-region-focusable", "color-contrast", "link-in-text-block"]
"""Rules whose answer depends on the colour scheme or on the width."""


async def faults(page: Page) -> list[dict[str, Any]]:
    """What axe finds on the page: every rule, light at 1,280 pixels; colours and space once more, dark at 320 pixels."""
    await page.evaluate(f"window.axe === undefined && (() => {{ {SCRIPT.read_text('utf-8')} }})()")
    found: list[dict[str, Any]] = []
    for scheme, size, only in (
        ("light", WIDE, None),
        ("dark", NARROW, _SPACE),
    ):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size(size)
        found += [{"at": f"{scheme}, {size['width']} px", **one} for one in await page.evaluate(_RUN, only)]
    return found
