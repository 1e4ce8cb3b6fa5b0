"""Notices between processes: hints that a stream has grown. The log stays the truth."""
