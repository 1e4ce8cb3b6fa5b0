"""Reports of a run: for a browser, for programs, for CI, for a spreadsheet, and on the terminal."""

from rtdash.loadtest.verdict.report.publishing import publish

__all__ = ["publish"]
