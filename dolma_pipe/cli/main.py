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
from dolma_pipe.cli.guarded import ReaderGone, guard
from dolma_pipe.engine import stopping
from dolma_pipe.errors import ClusterLost, UserError

USER_ERROR, WRONG_USAGE, BUG, CLUSTER_LOST = 1, 2, 3, 75
INTERRUPTED, READER_GONE, TERMINATED = 130, 141, 143
"""75 is EX_TEMPFAIL of sysexits.h; 128 and more are signals, as shells tell them."""
EXIT_CODES = {
    0: "done",
    USER_ERROR: "something that you can mend, told in one line",
    WRONG_USAGE: "wrong usage",
    BUG: "a bug, with its traceback",
    CLUSTER_LOST: "a cluster went away: run again to go on",
    INTERRUPTED: "interrupted (Ctrl-C); it says so if the same command goes on",
    READER_GONE: "the reader of its output has gone, as with | head",
    TERMINATED: "terminated (SIGTERM, as spot instances and schedulers send it); as 130",
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
            code = cli.main(standalone_mode=False)
            sys.stdout.flush()
        sys.exit(code)
    except click.UsageError as error:
        error.show()
        sys.exit(WRONG_USAGE)
    except (UserError, click.ClickException) as error:
        for line in error.args if isinstance(error, UserError) else [error.format_message()]:
            print(f"dolma-pipe: {' '.join(str(line).split())}", file=sys.stderr)
        sys.exit(CLUSTER_LOST if isinstance(error, ClusterLost) else USER_ERROR)
    except (KeyboardInterrupt, click.Abort) as error:
        _say_ended("interrupted", error.__cause__ or error)  # click makes an Abort of Ctrl-C
        sys.exit(INTERRUPTED)
    except stopping.Terminated as error:
        _say_ended("terminated", error)
        sys.exit(TERMINATED)
    except ReaderGone:
        sys.exit(READER_GONE)
    except Exception:  # a bug keeps its traceback
        traceback.print_exc()
        told = "a bug, in the last file named above: if that is not yours, please report it"
        print(f"dolma-pipe: {told}", file=sys.stderr)
        sys.exit(BUG)


def _say_ended(how: str, error: BaseException) -> None:
    """With what GoesOn has to add."""
    print("dolma-pipe: " + "; ".join((how, *error.args)), file=sys.stderr)
