"""EAC, erasing attention consistency, for ferbench."""
