"""Writing of all reports of a run."""

import csv
import io
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import TextIO

from rtdash.loadtest.verdict.report.junit import junit_xml
from rtdash.loadtest.verdict.report.page import html_page
from rtdash.loadtest.verdict.report.tables import markdown
from rtdash.loadtest.verdict.report.terminal_verdict import print_verdict
from rtdash.loadtest.verdict.samples import Sample
from rtdash.loadtest.verdict.summary import Summary

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def publish(summary: Summary, folder: Path | None, *, out: TextIO) -> None:
    """Write the verdict to `out`, the files into `folder`, if there is one, and the summary where
    GitHub asks for it.
    """
    # The files first: a reader of `out` may stop at the first lines.
    _write_files(summary, folder)
    print_verdict(summary, out)
    if folder is not None:
        out.write(f"report: {folder / 'report.html'}\n")


def _write_files(summary: Summary, folder: Path | None) -> None:
    text = markdown(summary)
    if step_summary := os.environ.get(STEP_SUMMARY):
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(text)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "summary.json": json.dumps(summary.to_json(), indent=1, allow_nan=False) + "\n",
        "summary.md": text,
        "junit.xml": junit_xml(summary),
        "timeline.csv": _timeline_csv(summary),
        "report.html": html_page(summary),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")


def _timeline_csv(summary: Summary) -> str:
    """Return all samples of all phases, a row a second; unknown values are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Sample)], lineterminator="\n")
    writer.writeheader()
    for phase in summary.phases:
        writer.writerows(asdict(sample) for sample in phase.samples)
    return text.getvalue()
