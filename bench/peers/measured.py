"""Times repetitions and prints what was measured, as bench/measured.ts does."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path


def peak_memory_bytes() -> int | None:
    """Most memory that this process has held; None where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1])


def measure(
    repeat: Callable[[int], float],
    *,
    warm_up: int,
    timed: int,
    library: str,
    peak: Callable[[], int | None] = peak_memory_bytes,
) -> None:
    """Calls `repeat` with the number of each repetition; it returns a value to be compared."""
    seconds, check = [], []
    first_result_at = 0.0
    for index in range(warm_up + timed):
        start = time.perf_counter()
        check.append(repeat(index))
        seconds.append(time.perf_counter() - start)
        if index == 0:
            first_result_at = time.time()
    measured = {
        "first_result_at": first_result_at,
        "seconds": seconds[warm_up:],
        "warm_up_seconds": seconds[:warm_up],
        "peak_memory_bytes": peak(),
        "check": check,
        "library": library,
    }
    print(json.dumps(measured))
