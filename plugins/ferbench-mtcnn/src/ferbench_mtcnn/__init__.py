"""MTCNN face detection and five-point alignment for ferbench."""
