"""`identity-api check-config`."""

from pathlib import Path

import rich_click as click


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
def command(file: Path | None) -> None:
    """Check the settings and, with FILE, a declaration. Names every problem; touches no database.

    FILE is what `apply` takes; `-` reads standard input.
    """
    from identity_api.cli.declaration import check_secrets, read_declaration
    from identity_api.cli.output import print_lines
    from identity_api.cli.settings_check import check_settings

    found = check_settings()
    if file is not None:
        declared = read_declaration(file)
        check_secrets(declared, file.parent)
        found.append(
            f"Declaration: {len(declared)} tenant(s), {sum(len(one.providers) for one in declared)} provider(s)."
        )
    print_lines([*found, "No problem was found."])
