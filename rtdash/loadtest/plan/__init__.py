"""Parts and standards of a run: scenarios, SLOs and the catalogue of metrics."""
