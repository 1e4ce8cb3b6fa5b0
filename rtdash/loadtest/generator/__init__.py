"""The load: clients, operations, faults, and what the clients saw."""
