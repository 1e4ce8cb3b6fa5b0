"""The benchmark suite: python loadtests/bench/run.py [--repeat 5] [--scale 1.0] [--row NUMBER]… [--json FILE]

Each row is measured in turns, so that a busy machine is busy for all of them, and the median of each figure is shown. Times are the
machine's; what can be compared with other machines is the ratios, to the floor and to the peers of the same run.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from processes import build
from rows import ROWS, Bench, Figures, median


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description="Measures rtdash against the floor and against its peers.")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each row; the median counts")
    parser.add_argument("--scale", type=float, default=1.0, help="how much is measured; below 1 it is quicker and says less")
    parser.add_argument("--row", action="append", help="a row by its number (default: all)")
    parser.add_argument("--json", type=Path, help="where the figures of all runs go")
    parser.add_argument("--directory", type=Path, help="where the data goes (default: a temporary directory)")
    options = parser.parse_args()
    chosen = {name: row for name, row in ROWS.items() if not options.row or set(_numbers(name)) & set(options.row)}
    runs: dict[str, list[Figures]] = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        bench = Bench(Path(directory), options.scale)
        build(bench.directory)
        for turn in range(options.repeat):
            for name, row in chosen.items():
                print(f"run {turn + 1} of {options.repeat}: {name}", file=sys.stderr)
                runs[name].append(row(bench))
    print(_table(runs))
    if options.json is not None:
        options.json.write_text(
            json.dumps({**_machine(), "runs": runs, "medians": {name: median(of) for name, of in runs.items()}}, indent=1)
        )


def _numbers(name: str) -> list[str]:
    return [word.strip(",") for word in name.split() if word.strip(",").isdecimal()]


def _table(runs: dict[str, list[Figures]]) -> str:
    lines = ["| row | figure | median | lowest | highest |", "|---|---|---|---|---|"]
    for name, of in runs.items():
        for figure, value in median(of).items():
            values = [run[figure] for run in of]
            lines.append(f"| {name} | {figure} | {value:,.2f} | {min(values):,.2f} | {max(values):,.2f} |")
    return "\n".join(lines)


def _machine() -> dict[str, object]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
