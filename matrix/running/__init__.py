"""A run: TorchServe and wrappers that are started, asked and ended, and what is recorded."""
