"""What ferbench finds by entry point."""
