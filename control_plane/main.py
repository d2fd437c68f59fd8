"""The command line. Commands are imported when they are run, so that `aerodrome --help` answers at once."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: where it is and what it does in one line."""

    module: str
    summary: str


COMMANDS = {
    "up": Entry("control_plane.commands.up", "Run the whole service in the foreground."),
    "down": Entry("control_plane.commands.down", "Stop the service and everything it runs."),
    "status": Entry("control_plane.commands.status", "Show processes, environments and how they are."),
    "env": Entry("control_plane.commands.env", "Print the variables that point aws and boto3 here."),
    "profile": Entry("control_plane.commands.profile", "Write the same as an AWS profile in ~/.aws."),
    "environments": Entry(
        "control_plane.commands.environments", "Make, show, change and delete environments; a name is enough."
    ),
    "iam": Entry("control_plane.commands.iam", "Users, roles and policies; who may do what, and why."),
    "s3": Entry("control_plane.commands.s3", "The embedded object store: check, import, export, move away."),
    "dags": Entry("control_plane.commands.dags", "Check DAG files and try them out, without a service."),
    "demo": Entry("control_plane.commands.demo", "Run the main job end to end, with visible progress."),
}

_HELP = """Aerodrome: Amazon MWAA's API, with an engine of its own, on your machine.

\b
  aerodrome up                    # in one terminal
  eval "$(aerodrome env)"         # in another
  aws mwaa list-environments
"""


class LazyGroup(click.Group):
    """A group whose commands are named in a table and imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(entry.module).command
        assert isinstance(command, click.Command)  # noqa: S101 - a table that points elsewhere is our own mistake
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup, help=_HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aerodrome", prog_name="aerodrome")
def cli() -> None:
    """See `_HELP`."""


def main() -> None:
    """Run the command line; exit status 0 done, 1 failed, 2 misused, 130 interrupted."""
    try:
        status = cli(prog_name="aerodrome", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
