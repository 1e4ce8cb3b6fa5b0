"""The conduct of a run: a server, its phases, faults at their instants, samples."""
