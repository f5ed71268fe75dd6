"""In a worker, of whatever engine: a task's function called, and what came of it told."""

import importlib
import time
import traceback
from typing import Any

from dolma_pipe.engine.base import Failure, Outcome, Task
from dolma_pipe.engine.peak import peak_bytes, reset_peak
from dolma_pipe.errors import UserError
from dolma_pipe.work import release

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""One thread a worker: the engine decides how many workers."""


def call(function: str, task: Task, attempt: int, where: str) -> Outcome:
    """Whatever the function raises becomes an outcome; copies of files that it held are let go."""
    peak_of = reset_peak()
    started, cpu_started = time.perf_counter(), time.process_time()
    value: Any = None
    error: Failure | None = None
    try:
        module, name = function.split(":")
        value = getattr(importlib.import_module(module), name)(task.args)
    except UserError as user_error:
        error = Failure("user", str(user_error))
    except (Exception, SystemExit):  # the border of a task: told, never swallowed
        error = Failure("bug", traceback.format_exc())
    finally:
        release()
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return Outcome(
        key=task.key,
        value=value,
        error=error,
        attempt=attempt,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        where=where,
        peak_bytes=peak_bytes(peak_of),
        peak_of=peak_of,
    )
