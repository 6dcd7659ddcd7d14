"""Every command that a document shows exists, with the options shown."""

import re
import shlex

import pytest
import rich_click as click

from identity_api.cli.root import root
from tests.docs.pages import blocks, pages, text_of

PAGES = [page for page in pages("*.md", "docs/**/*.md") if "identity-api " in text_of(page)]
_INLINE = re.compile(r"`(identity-api [^`]+)`")


def commands(page: str) -> list[list[str]]:
    """What is written after `identity-api`, in blocks and between backticks."""
    lines = [
        line for block in blocks(page, "sh", "") for line in block.splitlines() if line.startswith("identity-api ")
    ]
    inline = [" ".join(found.split()) for found in _INLINE.findall(text_of(page))]
    return [shlex.split(line, comments=True)[1:] for line in (*lines, *inline)]


def fault(words: list[str]) -> str | None:
    """What is wrong with a command, or None."""
    command: click.Command = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"no command {words[0]}"
        command, words = found, words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h", "--version"}
    unknown = [word for word in words if word.startswith("-") and word != "-" and word.partition("=")[0] not in known]
    return f"no option {unknown[0]}" if unknown else None


@pytest.mark.parametrize("page", PAGES)
def test_every_command_shown_exists(page: str) -> None:
    assert [(words, fault(words)) for words in commands(page) if fault(words)] == []


def test_a_command_or_option_that_does_not_exist_is_noticed() -> None:
    """So that the test above can fail."""
    assert fault(["provider", "test", "acme", "sso"]) is None
    assert fault(["provider", "tset", "acme", "sso"]) == "no command tset"
    assert fault(["apply", "FILE", "--dry"]) == "no option --dry"
    assert commands("docs/operations.md")
