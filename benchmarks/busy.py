"""A neighbour outside the service: processes that use processor time and nothing else.

What the service's work does to others on the same machine is compared with what the same processor time does to them,
spent in as many pieces by somebody who has nothing to do with the service.
"""

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_BURN = """
import sys, time
burst, pause = map(float, sys.argv[1:])
while True:
    until = time.process_time() + burst
    while time.process_time() < until:
        pass
    time.sleep(pause)
"""


@contextmanager
def busy(seconds: float, *, within: float, pieces: int) -> Iterator[None]:
    """Use that much processor time in each stretch of `within` seconds, in so many equal pieces.

    By as many processes as the work keeps busy on average, and at least one.
    """
    processes = max(1, math.ceil(seconds / within))
    burst = seconds / max(1, pieces)
    pause = max(0.0, processes * within / max(1, pieces) - burst)
    command = [sys.executable, "-c", _BURN, str(burst), str(pause)]
    running = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()
