"""Ada-DF (Liu, Xu, Wan, Kui) for ferbench: label distributions of samples and of classes, adaptively fused."""
