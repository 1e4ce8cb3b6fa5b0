"""timeline.csv: a row a second."""

import csv
import io
from dataclasses import asdict, fields

from rtdash.loadtest.samples import Sample
from rtdash.loadtest.summary import Summary


def timeline_csv(summary: Summary) -> str:
    """All samples of all phases; what wasn't known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Sample)], lineterminator="\n")
    writer.writeheader()
    for phase in summary.phases:
        writer.writerows(asdict(sample) for sample in phase.samples)
    return text.getvalue()
