"""The speed of the wrapper, as ratios to TorchServe's own within one run."""
