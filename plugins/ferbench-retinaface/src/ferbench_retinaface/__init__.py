"""RetinaFace face detection and five-point alignment for ferbench, with weights of your own."""
