"""`identity-api check-config`."""

from pathlib import Path

import rich_click as click


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
def command(file: Path | None) -> None:
    """Check the settings and, with FILE, a declaration. Names every problem, and what may not be meant; touches no database.

    FILE is what `apply` takes; `-` reads standard input.
    """
    from identity_api.cli.context import read_settings
    from identity_api.cli.declaration import check_derived_redirects, check_secrets, read_declaration
    from identity_api.cli.output import print_lines
    from identity_api.cli.settings_check import check_settings
    from identity_api.tenants.notices import notices_of

    found = check_settings()
    if file is not None:
        declared = read_declaration(file)
        check_secrets(declared, file.parent)
        check_derived_redirects(declared, read_settings())
        found.append(
            f"Declaration: {len(declared)} tenant(s), {sum(len(one.providers) for one in declared)} provider(s)."
        )
        found += [f"Notice: {notice}" for notice in notices_of(declared)]
    print_lines([*found, "No problem was found."])
