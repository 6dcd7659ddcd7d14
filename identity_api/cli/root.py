"""`identity-api`: its commands by name, each imported when it is called."""

import importlib
from typing import Any

import rich_click as click

from identity_api.cli.outcome import INTERRUPTED, complain, exit_code
from identity_api.cli.program import program_name, typeable
from identity_api.errors import IdentityAPIError

COMMANDS = {
    "dev": "dev",
    "serve": "serve",
    "worker": "worker",
    "demo-provider": "demo_provider",
    "migrate": "migrate",
    "first-run": "first_run",
    "check-config": "check_config",
    "apply": "apply",
    "export": "export",
    "import": "import_",
    "hand-over": "hand_over",
    "user": "user",
    "grant": "grant",
    "revoke": "revoke",
    "invitation": "invitation",
    "explain": "explain",
    "access": "access",
    "tenant": "tenant",
    "provider": "provider",
    "setup-link": "setup_link",
    "mapping": "mapping",
    "proposal": "proposal",
    "sync": "sync",
    "service-client": "service_client",
    "webhook": "webhook",
    "token": "token",
    "keys": "keys",
    "audit": "audit",
    "break-glass": "break_glass",
    "doctor": "doctor",
    "schema": "schema",
}
"""Name, and the module of `identity_api.cli.commands` whose `command` it is; in the order of the help page."""


class Root(click.RichGroup):
    """A group that imports a command when it is called, and turns this service's errors into sentences and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"identity_api.cli.commands.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        command.name = cmd_name
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IdentityAPIError as error:
            complain(error)
            ctx.exit(exit_code(error))
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="identity-api", prog_name="identity-api")
@click.option("--reason", help="Why, for the audit: `identity-api --reason 'Ticket 7' grant ...`. One line.")
@click.pass_context
def root(ctx: click.Context, reason: str | None) -> None:
    """Sign-in through customers' OpenID Providers, and permissions that follow the provider's groups.

    Start with `identity-api dev`. Settings are environment variables; docs/configuration.md lists them.

    Exit codes: 0 done, 1 a problem was found, 2 wrong usage, 69 a needed service does not answer, 78 configuration,
    130 interrupted.
    """
    if reason is not None:
        from identity_api.cli.reason import recorded_with

        ctx.with_resource(recorded_with(reason))


def main() -> None:
    """Run the command line."""
    root.help = typeable(root.help or "")
    root(prog_name=program_name())
