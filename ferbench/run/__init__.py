"""Running cells: one cell, a worker that runs many, the scheduler that shares them out."""
