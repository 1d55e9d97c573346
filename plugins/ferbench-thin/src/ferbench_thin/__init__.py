"""THIN for ferbench: tree-gated ensembles conditioned by an exogenous variable, with the paper's tables."""
