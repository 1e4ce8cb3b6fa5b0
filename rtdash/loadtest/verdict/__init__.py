"""The verdict: from observations to measures, SLOs, comparisons and reports."""
