"""Toy patterns, and methods that learn them or fail in a chosen way."""
