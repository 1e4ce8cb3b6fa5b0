"""The interpreter of a server process, from its start to its serving."""

import subprocess
import sys


def test_the_collector_waits_for_the_end_of_the_start() -> None:
    """The collector is held while a server is built and works once the server serves; what was
    built is not visited again.
    """
    program = (
        "import gc\n"
        "from rtdash.server.interpreter import GC_THRESHOLDS, hold_collector, tune_interpreter\n"
        "hold_collector()\n"
        "assert not gc.isenabled()\n"
        "tune_interpreter()\n"
        "assert gc.isenabled() and gc.get_threshold() == GC_THRESHOLDS\n"
        "assert gc.get_freeze_count() > 1_000\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
