"""`identity-api schema`."""

import rich_click as click


@click.command()
def command() -> None:
    """Print the GraphQL schema (SDL)."""
    from identity_api.graphql.schema import print_schema

    print(print_schema(), end="")
