"""DICE-FER (Aquib, Verma, Akhtar) for ferbench: expression and identity separated by mutual information."""
