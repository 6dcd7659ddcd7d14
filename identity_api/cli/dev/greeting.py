"""The text that `dev` prints when everything answers: addresses, who can sign in, what to try, and how to stop."""

import os

from rich.console import Console
from rich.table import Table

from identity_api.cli.dev.demo_tenant import GROUPS, SLUG
from identity_api.demo.config import DEMO_PEOPLE
from identity_api.permissions.service import SERVICE_PREFIX

_TRY = """Try this:
  1. Sign in as alice. The account page says what she may do, and why.
  2. Take a group from her on the demo provider's page, or remove her: her account page follows within ten seconds.
  3. Ask GraphiQL, signed in: { viewer { user { username } permissions { name } } }
  4. Sign in as dora and open the console: change what a group gives, and see for whom
"""
_TRY += f"  5. Write a frontend of your own, for the tenant {SLUG}: docs/frontends.md\n"


def greet(url: str, data_dir: str, *, demo_provider: str | None) -> None:
    """Print it on standard output.

    Args:
        url: where people sign in.
        data_dir: where all data is kept.
        demo_provider: where the demo's people are changed; None without a demo.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print("\n[bold]Identity API is ready:[/bold]\n")
    console.print(f"  sign in        {url}")
    console.print(f"  console        {url}/console")
    console.print(f"  GraphiQL       {url}/graphql")
    if demo_provider is not None:
        console.print(f"  demo provider  {demo_provider}/people\n")
        console.print(_people())
        console.print(_TRY, markup=False)
    else:
        console.print("\nThis database has tenants of its own, so no demo was added.")
    console.print(
        f"Data is kept in {data_dir}. Stop everything with Ctrl-C, or from elsewhere with kill {os.getpid()}.\n"
    )


def _people() -> Table:
    table = Table("sign in as", "groups", "which give", title="Demo people, as they begin", title_justify="left")
    for person in DEMO_PEOPLE:
        given = sorted({name for group in person.groups for name in GROUPS[group]})
        table.add_row(person.username, ", ".join(person.groups) or "none", _shortened(given) or "nothing")
    return table


def _shortened(names: list[str]) -> str:
    own = [name for name in names if not name.startswith(SERVICE_PREFIX)]
    return ", ".join(own + (["all of identity:*"] if len(own) < len(names) else []))
