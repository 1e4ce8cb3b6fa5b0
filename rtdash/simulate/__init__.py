"""Realistic hotel and restaurant traffic, calibrated to published data, or replayed from a data
set.
"""
