"""Drawn data under the names of data sets that nobody may ship: shipped benchmarks are planned and run on it."""
