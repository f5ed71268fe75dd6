"""Peak memory of a task: the high-water mark of its process, set back before the task starts."""

import resource
import sys
from pathlib import Path
from typing import Literal

PeakOf = Literal["task", "worker"]
"""Whose peak it is: the task's own, or that of its worker since it started."""

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_RESET_PEAK = "5"
"""Of proc_pid_clear_refs(5), from Linux 4.0."""


def reset_peak() -> PeakOf:
    """Start anew. "worker" where the system cannot: then it is the most of all tasks so far."""
    try:
        _CLEAR_REFS.write_text(_RESET_PEAK)
        return "task"
    except OSError:
        return "worker"


def peak_bytes(of: PeakOf) -> int:
    """Resident bytes at the most: VmHWM since reset_peak, else ru_maxrss of the whole process."""
    if of == "task":
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10
