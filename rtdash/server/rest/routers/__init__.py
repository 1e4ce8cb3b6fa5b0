"""The REST endpoints, one module a family."""
