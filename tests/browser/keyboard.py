"""A person who uses the keyboard alone: Tab, letters and Enter."""

from collections.abc import Mapping

from playwright.async_api import Locator, Page, expect

_MOST = 40


class Keyboard:
    """Everything is found by what is written on it, and reached with Tab."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def reach(self, target: Locator) -> None:
        """Press Tab until this has the focus."""
        await expect(target).to_have_count(1)
        for _ in range(_MOST):
            if await target.evaluate("one => one === document.activeElement"):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached by keyboard")

    async def type(self, fields: Mapping[str, str]) -> None:
        """Fill in fields by their labels; what is there is replaced."""
        for name, text in fields.items():
            await self.reach(self.page.get_by_label(name, exact=True))
            await self.page.keyboard.press("Control+A")
            await self.page.keyboard.type(text)

    async def press(self, name: str) -> None:
        """Press a button."""
        await self.reach(self.page.get_by_role("button", name=name, exact=True))
        await self.page.keyboard.press("Enter")

    async def follow(self, name: str) -> None:
        """Follow a link."""
        await self.reach(self.page.get_by_role("link", name=name, exact=True))
        await self.page.keyboard.press("Enter")
