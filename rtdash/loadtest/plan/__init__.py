"""What a run is made of and held to: scenarios, SLOs and the catalogue of metrics."""
