"""What this distribution offers to ferbench."""
