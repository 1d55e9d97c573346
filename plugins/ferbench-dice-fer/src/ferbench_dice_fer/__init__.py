"""DICE-FER for ferbench: expression and identity separated by mutual information, with the paper's tables."""
