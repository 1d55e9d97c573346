"""Data: manifests of a user's files, the prepared memory-mapped store, and how one becomes the other."""
