"""Records to leaderboards. pandas and tabulate; no torch."""
