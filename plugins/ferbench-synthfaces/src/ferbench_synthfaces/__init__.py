"""Rendered faces with expression, identity, pose, light and landmarks known by construction, for ferbench."""
