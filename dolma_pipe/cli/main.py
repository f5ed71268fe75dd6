"""The command dolma-pipe: finds its subcommand, and turns errors into one line and an exit code."""

import sys
import traceback

import click

from dolma_pipe import __version__
from dolma_pipe.cli import (
    ablate,
    assets,
    attributes,
    browse,
    check,
    checkpoints,
    classifier,
    compare,
    dedup,
    evaluate,
    explain,
    export,
    init,
    mix,
    plan,
    report,
    run,
    sample,
    schema,
    search,
    stats,
    status,
    sweep,
    synthesize,
    tag,
    tokens,
    train,
)
from dolma_pipe.cli import (
    list as list_command,
)
from dolma_pipe.cli.guarded import guard
from dolma_pipe.engine import stopping
from dolma_pipe.errors import ClusterLost, UserError

USER_ERROR, WRONG_USAGE, BUG, CLUSTER_LOST, INTERRUPTED, TERMINATED = 1, 2, 3, 75, 130, 143
"""75 is EX_TEMPFAIL of sysexits.h."""
EXIT_CODES = {
    0: "done",
    USER_ERROR: "something that you can mend, told in one line",
    WRONG_USAGE: "wrong usage",
    BUG: "a bug, with its traceback",
    CLUSTER_LOST: "a cluster went away: run again to go on",
    INTERRUPTED: "interrupted (Ctrl-C): run again to go on",
    TERMINATED: "terminated (SIGTERM, as spot instances and schedulers send it): the same",
}
EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:<5}{told}" for code, told in EXIT_CODES.items())


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="dolma-pipe")
def cli() -> None:
    """Data curation for language-model pre-training: sharded JSONL in, token arrays out.

    Six stages: language, quality, content, dedup, mix, tokenize. One recipe says what each of them
    does.
    """


COMMANDS = (
    run,
    tag,
    dedup,
    plan,
    init,
    check,
    schema,
    status,
    explain,
    compare,
    report,
    browse,
    sweep,
    attributes,
    list_command,
    export,
    synthesize,
    classifier,
    sample,
    search,
    stats,
    assets,
    mix,
    tokens,
    train,
    checkpoints,
    evaluate,
    ablate,
)
for module in COMMANDS:
    cli.add_command(module.command)


def main() -> None:
    """Run a command and exit as EXIT_CODES say."""
    guard()
    try:
        with stopping.obeyed():
            sys.exit(cli.main(standalone_mode=False))
    except click.UsageError as error:
        error.show()
        sys.exit(WRONG_USAGE)
    except (UserError, click.ClickException) as error:
        for line in error.args if isinstance(error, UserError) else [error.format_message()]:
            print(f"dolma-pipe: {' '.join(str(line).split())}", file=sys.stderr)
        sys.exit(CLUSTER_LOST if isinstance(error, ClusterLost) else USER_ERROR)
    except (KeyboardInterrupt, click.Abort):
        print("dolma-pipe: interrupted; run again to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except stopping.Terminated:
        print("dolma-pipe: terminated; run again to go on", file=sys.stderr)
        sys.exit(TERMINATED)
    except BrokenPipeError:  # the reader of our output has gone, as with | head
        sys.stderr.close()
        sys.exit(USER_ERROR)
    except Exception:  # a bug keeps its traceback
        traceback.print_exc()
        told = "a bug, in the last file named above: if that is not yours, please report it"
        print(f"dolma-pipe: {told}", file=sys.stderr)
        sys.exit(BUG)
