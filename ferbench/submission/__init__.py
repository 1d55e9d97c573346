"""Submissions: finished rows in one file, and the proof that their figures follow from their predictions."""
