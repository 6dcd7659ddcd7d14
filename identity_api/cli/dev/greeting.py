"""What `dev` prints when everything answers: one URL, who can sign in, and how to stop."""

from rich.console import Console
from rich.table import Table

from identity_api.cli.dev.demo_tenant import GROUPS
from identity_api.demo.config import DEMO_PEOPLE
from identity_api.permissions.service import SERVICE_PREFIX


def greet(url: str, data_dir: str, *, has_demo: bool) -> None:
    """Print it on standard output."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\nIdentity API is ready: [bold]{url}[/bold]\n")
    if has_demo:
        console.print(_people())
        console.print(
            "The sign-in page leads to a page where you edit groups or remove somebody; five seconds later it shows."
        )
    else:
        console.print("This database has tenants of its own, so no demo was added.")
    console.print(f"Data is kept in {data_dir}. Stop everything with Ctrl-C.\n")


def _people() -> Table:
    table = Table("sign in as", "groups", "which give", title="Demo people, as they begin", title_justify="left")
    for person in DEMO_PEOPLE:
        given = sorted({name for group in person.groups for name in GROUPS[group]})
        table.add_row(person.username, ", ".join(person.groups) or "none", _shortened(given) or "nothing")
    return table


def _shortened(names: list[str]) -> str:
    own = [name for name in names if not name.startswith(SERVICE_PREFIX)]
    return ", ".join(own + (["all of identity:*"] if len(own) < len(names) else []))
