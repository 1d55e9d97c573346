"""SCN, the self-cure network, for ferbench."""
