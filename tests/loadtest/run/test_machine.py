"""What is read of the machine."""

from pathlib import Path

from rtdash.loadtest.run.machine import read_pressure_s


def test_pressure_is_the_time_in_which_some_process_waited(tmp_path: Path):
    """Microseconds of the first line; what the kernel doesn't count is left out."""
    line = "some avg10=1.00 avg60=0.50 avg300=0.10 total={}\nfull avg10=0.00 avg60=0.00 total=7\n"
    (tmp_path / "cpu").write_text(line.format(2_500_000))
    (tmp_path / "memory").write_text(line.format(250_000))
    (tmp_path / "io").write_text("not of this kernel\n")
    assert read_pressure_s(tmp_path) == {"cpu": 2.5, "memory": 0.25}
