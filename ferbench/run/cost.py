"""What a cell costs: operations and memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch


def flops_of(work: Callable[[], object]) -> float:
    """Return the floating-point operations of a piece of work."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return float(counter.get_total_flops())


def reset_peak_memory() -> None:
    """Start the high-water mark of memory anew, where the system allows it."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    elif (peak := Path("/proc/self/clear_refs")).exists():
        peak.write_text("5")  # Linux: start the process's high-water mark anew


def peak_memory() -> float:
    """Return the peak memory in MB: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
