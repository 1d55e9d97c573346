"""DML-Net (Liu et al.) for ferbench: expressions across poses and people, by multi-channel metric learning."""
