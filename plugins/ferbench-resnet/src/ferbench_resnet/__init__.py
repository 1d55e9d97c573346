"""ResNet baselines for ferbench."""
