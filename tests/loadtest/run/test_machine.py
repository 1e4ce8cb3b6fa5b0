"""What is read of the machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rtdash.loadtest.run.machine import is_stopped, read_pressure_s


def test_pressure_is_the_time_in_which_some_process_waited(tmp_path: Path):
    """Microseconds of the first line; what the kernel doesn't count is left out."""
    line = "some avg10=1.00 avg60=0.50 avg300=0.10 total={}\nfull avg10=0.00 avg60=0.00 total=7\n"
    (tmp_path / "cpu").write_text(line.format(2_500_000))
    (tmp_path / "memory").write_text(line.format(250_000))
    (tmp_path / "io").write_text("not of this kernel\n")
    assert read_pressure_s(tmp_path) == {"cpu": 2.5, "memory": 0.25}


def test_a_process_that_is_stopped_by_a_signal_is_seen():
    """The process neither runs nor waits: nothing else says that it is not its own slowness."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert not is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 30
        while not is_stopped(process.pid) and time.monotonic() < until:
            time.sleep(0.01)
        assert is_stopped(process.pid)
        process.kill()
    assert not is_stopped(os.getpid())
    assert not is_stopped(None)
