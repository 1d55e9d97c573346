"""What stands in for a distribution that takes long: shipped benchmarks are planned and run with it."""
