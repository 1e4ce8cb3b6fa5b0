"""What locust's users and the verdict need: ledger, histogram, faults, SLOs, reports."""
