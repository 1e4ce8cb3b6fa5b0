"""The benchmark suite: python loadtests/bench/run.py [--repeat 5] [--scale 1.0] [--row NUMBER]…
[--json FILE]

Each row is measured in turns, so that a busy machine is busy for all of them, and the median of
each figure is shown. Times are the
machine's; what can be compared with other machines is the ratios, to the floor and to the peers of
the same run.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import Bench, Figures
from processes import build
from rows import ROWS, Row, median

from rtdash.file_limit import raise_file_limit


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description="Measures rtdash against the floor and against its rivals."
    )
    parser.add_argument("--repeat", type=int, default=5, help="runs of each row; the median counts")
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="how much is measured; below 1 it is quicker and says less",
    )
    parser.add_argument("--row", action="append", help="a row by its number (default: all)")
    parser.add_argument("--json", type=Path, help="where the figures of all runs go")
    parser.add_argument(
        "--directory", type=Path, help="where the data goes (default: a temporary directory)"
    )
    options = parser.parse_args()
    chosen = {
        name: row
        for name, row in ROWS.items()
        if not options.row or set(_numbers(name)) & set(options.row)
    }
    raise_file_limit()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        bench = Bench(Path(directory), options.scale)
        build(bench.directory)
        runs = _measure(bench, chosen, options.repeat)
    print(_table(chosen, runs, bench.missing))
    if options.json is not None:
        medians = {name: median(of) for name, of in runs.items()}
        options.json.write_text(
            json.dumps(
                {**_machine(), "missing": bench.missing, "runs": runs, "medians": medians}, indent=1
            )
        )


def _measure(bench: Bench, chosen: dict[str, Row], repeat: int) -> dict[str, list[Figures]]:
    runs: dict[str, list[Figures]] = {name: [] for name in chosen}
    for turn in range(repeat):
        for name, row in chosen.items():
            print(
                f"{datetime.now(UTC):%H:%M:%S} run {turn + 1} of {repeat}: {name}", file=sys.stderr
            )
            runs[name].append(row.measure(bench))
    return runs


def _numbers(name: str) -> list[str]:
    return [word.strip(",") for word in name.split() if word.strip(",").isdecimal()]


def _table(chosen: dict[str, Row], runs: dict[str, list[Figures]], missing: dict[str, str]) -> str:
    lines = [
        "| row | figure | median | lowest | highest | to reach | |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in chosen.items():
        for figure, value in median(runs[name]).items():
            values, target = [run[figure] for run in runs[name]], row.targets.get(figure)
            verdict = (
                f"{target} | {'reached' if target.is_reached(value) else 'NOT reached'}"
                if target
                else " | "
            )
            lines.append(
                f"| {name} | {figure} | {value:,.2f} | {min(values):,.2f} | {max(values):,.2f} |"
                f" {verdict} |"
            )
        for figure, target in row.targets.items():
            if figure in missing:
                lines.append(
                    f"| {name} | {figure} | | | | {target} | not measured: needs"
                    f" {missing[figure]} |"
                )
    return "\n".join(lines)


def _machine() -> dict[str, object]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": (
            f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()}"
            f" {platform.release()}"
        ),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
