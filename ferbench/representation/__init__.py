"""Measures of representations: numbers about a method's features on held-out images, taken when a cell is finished.

What the author of such a metric needs is here, and imports no deep-learning library; modules that train a network do.
"""

from ferbench.representation.representations import Measured, NotMeasured, Representations

__all__ = ["Measured", "NotMeasured", "Representations"]
