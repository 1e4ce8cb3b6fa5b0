"""timeline.csv: a row a second."""

import csv
import io
from dataclasses import asdict, fields

from rtdash.loadtest.verdict.samples import Sample
from rtdash.loadtest.verdict.summary import Summary


def timeline_csv(summary: Summary) -> str:
    """Return all samples of all phases; unknown values are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Sample)], lineterminator="\n")
    writer.writeheader()
    for phase in summary.phases:
        writer.writerows(asdict(sample) for sample in phase.samples)
    return text.getvalue()
