"""Subjects of unlabelled faces for ferbench, by clustering face embeddings."""
