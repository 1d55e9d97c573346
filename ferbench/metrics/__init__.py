"""Metrics: predictions to numbers. No torch."""
