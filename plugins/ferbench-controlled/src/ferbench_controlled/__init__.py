"""Controlled data sets for ferbench: rotated and scaled digits, dSprites, drawn sprites."""
