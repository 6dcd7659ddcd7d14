"""The command line: wiring for operators. Each command reads the settings, calls a use case, and prints the result.

    root.py         the commands by name, each imported when it is called
    outcome.py      exit codes, and errors as sentences
    commands/       one module for each command or group of commands: parameters, and one call
    program.py      the name this program was called by, so that advice can be copied into a shell
    context.py      settings, the database and the operator's name, as a command needs them
    running.py      how a second process finds the embedded services of the first
    server.py       the API's process: checks, then Granian
    dev/            everything on one machine
    doctor/         what is wrong with an installation, and what to do

Secrets are read from the environment, a file or standard input, never from an argument, which other users of the machine
can see. Slow modules are imported only when they are needed: `--help` takes a fifth of a second, and `dev.preflight` runs
before anything has been installed.
"""


def main() -> None:
    """The console script."""
    from identity_api.cli.root import main as run

    run()
