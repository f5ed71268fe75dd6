"""The command dolma-pipe; `python -m dolma_pipe` for torchrun and where no script is installed."""

import signal


def main() -> None:
    """Run it. Ctrl-C while its modules are loaded ends it without a traceback."""
    told = signal.getsignal(signal.SIGINT)
    if told is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dolma_pipe.cli.main import main as run

    signal.signal(signal.SIGINT, told)
    run()


if __name__ == "__main__":
    main()
