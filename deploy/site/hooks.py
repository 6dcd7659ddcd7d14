"""Hooks of MkDocs: the README is the site's first page, and links that lead out of the documents lead as far as they can.

A link to a file of the repository, which the site does not have, leads to the repository's page where `repo_url` is
configured, and is its text otherwise. A file that does not exist is a warning, which ends a strict build.
"""

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?://|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")
_RELATIVE = re.compile(r"\]\((?!https?://|mailto:|#)([^)\s]+)\)")
_log = logging.getLogger("mkdocs.hooks.site")


def on_files(files: Any, *, config: Any) -> Any:
    """The pages, and the README as the first one."""
    from mkdocs.structure.files import File

    readme = (Path(config.docs_dir).parent / "README.md").read_text("utf-8")
    files.append(File.generated(config, "index.md", content=first_page(readme)))
    return files


def first_page(readme: str) -> str:
    """The README as a page of the documents: its links are those of the folder above."""

    def moved(found: re.Match[str]) -> str:
        target = found[1]
        return f"]({target.removeprefix('docs/')})" if target.startswith("docs/") else f"](../{target})"

    return _RELATIVE.sub(moved, readme)


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """The page with its links out of the documents rewritten."""
    folder = posixpath.dirname(page.file.src_uri)
    root = Path(config.docs_dir).parent

    def rewritten(found: re.Match[str]) -> str:
        text, target, anchor = found.groups()
        within = posixpath.normpath(posixpath.join(folder, target))
        known = files.get_file_from_path(within)
        if known is not None and known.inclusion.is_included():
            return found[0]
        path = posixpath.normpath(posixpath.join("docs", within))
        if path.startswith("../") or not (root / path).exists():
            _log.warning("%s leads to %s, which does not exist", page.file.src_uri, target)
            return found[0]
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{path}{anchor or ''})" if config.repo_url else text

    return _LINK.sub(rewritten, markdown)
