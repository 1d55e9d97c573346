"""The data sets of facial expression recognition for ferbench: loaders of the official layouts, and replicas."""
