"""`python -m dolma_pipe`: the command, for torchrun and where no script is installed."""

from dolma_pipe.cli.main import main

if __name__ == "__main__":
    main()
