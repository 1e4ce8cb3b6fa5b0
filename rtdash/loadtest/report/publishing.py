"""Writes all reports of a run, and tells the verdict where it was started."""

import json
import os
from pathlib import Path
from typing import TextIO

from rtdash.loadtest.report.junit import junit_xml
from rtdash.loadtest.report.page import html_page
from rtdash.loadtest.report.tables import markdown, verdict_lines
from rtdash.loadtest.report.timeline import timeline_csv
from rtdash.loadtest.summary import Summary

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def publish(summary: Summary, folder: Path | None, *, out: TextIO) -> None:
    """The verdict on `out`; the files in `folder`, if there is one; the summary where GitHub asks
    for it.
    """
    out.writelines(line + "\n" for line in verdict_lines(summary))
    text = markdown(summary)
    if told := os.environ.get(STEP_SUMMARY):
        with Path(told).open("a", encoding="utf-8") as file:
            file.write(text)
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "summary.json": json.dumps(summary.to_json(), indent=1, allow_nan=False) + "\n",
        "summary.md": text,
        "junit.xml": junit_xml(summary),
        "timeline.csv": timeline_csv(summary),
        "report.html": html_page(summary),
    }
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    out.write(f"report: {folder / 'report.html'}\n")
