"""report.html."""

from rtdash.loadtest.summary import Summary


def html_page(summary: Summary) -> str:
    """One file."""
    return f"<!doctype html><title>{summary.scenario}</title>"
