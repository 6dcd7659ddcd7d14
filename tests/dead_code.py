"""What nothing in the product uses: run by `make check`.

vulture finds names that are defined and not used in `identity_api/`; what only tests use counts as unused. Names that are
used by something other than Python are looked up where they are used: in `schema.graphql`, in the page templates, in the
migrated database. Everything else that stays has its reason here.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vulture import Vulture

ROOT = Path(__file__).parents[1]
CODE = ROOT / "identity_api"
DECORATORS = ("@*mutation*", "@*resolved*", "@*.command*", "@*.group*")
"""Click commands, and GraphQL resolvers, are reached by the name that their decorator registers."""

KEPT = {
    # Called by a library under this name.
    "APP_CONFIG": "Piccolo reads it",
    "APP_REGISTRY": "Piccolo reads it",
    "check_version": "Piccolo's engine calls it",
    "prep_database": "Piccolo's engine calls it",
    "db": "where Piccolo keeps a table's engine",
    "daemon_threads": "socketserver reads it",
    "address_family": "socketserver reads it",
    "server_bind": "socketserver calls it",
    "server_name": "wsgiref reads it",
    "log_message": "http.server calls it",
    "list_commands": "click calls it",
    "get_command": "click calls it",
    "visit_*": "jmespath calls one for each kind of node",
    "enter_*": "graphql-core calls one for each kind of node",
    "resolve_async": "Strawberry calls it on an extension",
    "process_errors": "Strawberry calls it on a schema",
    "execution_context": "an argument that Strawberry gives",
    "handleError": "logging calls it",
    "handle_async_request": "httpx calls it on a transport",
    "allow_pick_jobs": "arq reads it before it takes a job",
    "f": "a member of arq's record of a job",
    "et": "a member of arq's record of a job",
    "trace": "an argument of a context manager's end",
    "max_ciphertext_length": "joserfc reads the registry's attribute",
    "max_encrypted_key_length": "joserfc reads the registry's attribute",
    "max_protected_header_length": "joserfc reads the registry's attribute",
    "worker_application": "Granian is given its name",
    "SpanExporter": "a type named in a string",
    "Tracer": "a type named in a string",
    # Reached by a name that is put together, or that stands in a table.
    "secret_keys_file": "read by the name of its setting",
    "max_*": "limits of a tenant, read by their names",
    "reauth": "carried from the login page by its name",
    # Used by what stands beside the product.
    "sql_migration": "the files in `piccolo_migrations/` call it",
    "troubleshooting_markdown": "`make schema` writes a page of the documentation with it",
    "stepped_aside": "tells whether compiled completion did the work",
    "outcomes": "what a sweep came to, told to whoever called it",
}
"""Name, or a family of names, and why it is no dead code."""


def unused() -> Iterator[Any]:
    """What vulture finds and no schema, template or table uses."""
    scan = Vulture(ignore_decorators=list(DECORATORS))
    scan.scavenge([str(CODE)])
    schema = set(re.findall(r"\w+", (ROOT / "schema.graphql").read_text("utf-8")))
    pages = {word for page in CODE.rglob("*.html") for word in re.findall(r"\w+", page.read_text("utf-8"))}
    for found in scan.get_unused_code():
        place = found.filename.relative_to(CODE)
        is_used = {
            "graphql": _camel(found.name) in schema,
            "web": found.name in pages,
            # Read by the name of the column, which GraphQL's type of the same row has too.
            "db": place.as_posix().startswith("db/tables") or _camel(found.name) in schema,
        }
        if not is_used.get(place.parts[0], False):
            yield found


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return name if name.isupper() else first + "".join([word.capitalize() for word in more])


def kept_by(name: str) -> str | None:
    """The entry of `KEPT` that covers the name."""
    families = [entry for entry in KEPT if entry.endswith("*") and name.startswith(entry[:-1])]
    return name if name in KEPT else next(iter(families), None)


def main() -> int:
    found = list(unused())
    problems = [
        f"{one.filename.relative_to(ROOT)}:{one.first_lineno}: nothing uses the {one.typ} {one.name}"
        for one in found
        if kept_by(one.name) is None
    ]
    needless = KEPT.keys() - {kept_by(one.name) for one in found}
    problems += [f"tests/dead_code.py: {name} is used by now; take it off the list" for name in sorted(needless)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"No dead code; {len(KEPT)} names are kept for a reason.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
