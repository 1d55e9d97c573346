"""How data is split, and what is done to the training labels. Pure numpy; no torch."""

from ferbench.protocols.base import Fold, Protocol, ProtocolOptions, Samples

__all__ = ["Fold", "Protocol", "ProtocolOptions", "Samples"]
