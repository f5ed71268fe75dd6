"""fastText's own training, in a process of its own: it may use much memory, cannot be interrupted
from Python, and ends with us however we end."""

import os
import signal
import threading
import traceback
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from dolma_pipe.engine.base import TaskBug
from dolma_pipe.errors import InputError, MissingExtra
from dolma_pipe.learn.settings import TrainSettings

EXTRA, PACKAGE = "classifier", "fasttext-community"


class Fit(msgspec.Struct, frozen=True):
    """What to train. quantised: where the .ftz goes, None for none. loud: progress on stderr."""

    lines: str
    model: str
    quantised: str | None
    settings: TrainSettings
    loud: bool = False


def check_installed() -> None:
    """Raises MissingExtra where fastText is not installed."""
    if find_spec("fasttext") is None:
        raise MissingExtra(EXTRA, PACKAGE)


def fit(task: Fit) -> None:
    """Train and write the files of a task; KeyboardInterrupt ends the training at once.

    Raises InputError for what fastText refuses, or where its process was killed.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, task), daemon=True)
    process.start()
    theirs.close()
    try:
        kind, told = ours.recv()
    except EOFError:
        process.join()
        code = process.exitcode or 0
        kind = "user" if code < 0 else "bug"
        told = f"its process was killed by signal {-code}: out of memory?" if code < 0 else ""
    finally:
        process.kill()
        process.join()
        ours.close()
    if kind == "bug":
        raise TaskBug(f"the training's process failed\n{told}")
    if kind == "user":
        raise InputError(f"fastText: {told}")


def _serve(answers: Connection, task: Fit) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is our parent's to handle
    threading.Thread(target=_die_with_parent, args=(answers,), daemon=True).start()
    try:
        _train(task)
        answer = ("done", "")
    except (RuntimeError, ValueError) as error:  # what its C++ throws: NaN, too small a matrix
        answer = ("user", " ".join(str(error).split()))
    except Exception:  # the border of a process: told, never swallowed
        answer = ("bug", traceback.format_exc())
    answers.send(answer)


def _die_with_parent(answers: Connection) -> None:
    """The parent never writes: the pipe ends when it dies, even by kill -9."""
    try:
        answers.recv()
    except (EOFError, OSError):
        os._exit(1)


def _train(task: Fit) -> None:
    import fasttext  # of the extra

    settings = task.settings
    common: dict[str, Any] = {"thread": settings.threads, "verbose": 2 if task.loud else 0}
    model = fasttext.train_supervised(
        task.lines,
        dim=settings.dim,
        epoch=settings.epochs,
        lr=settings.lr,
        wordNgrams=settings.word_ngrams,
        minCount=settings.min_count,
        bucket=settings.buckets,
        seed=settings.seed,
        **common,
    )
    model.save_model(task.model)
    if task.quantised is None:
        return
    rows = len(model.words) + (settings.buckets if settings.word_ngrams > 1 else 0)
    prunes = 0 < settings.cutoff < rows
    model.quantize(
        input=task.lines,
        cutoff=settings.cutoff if prunes else 0,
        retrain=prunes,
        qnorm=True,
        **common,
    )
    model.save_model(task.quantised)


def fasttext_version() -> str:
    """The installed version, under whichever name it came."""
    from importlib.metadata import PackageNotFoundError, version

    for name in (PACKAGE, "fasttext", "fasttext-wheel"):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return "unknown"
