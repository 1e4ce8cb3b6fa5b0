"""Channels live in the terminal."""
