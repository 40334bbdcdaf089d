"""The compatibility matrix: a wrapper on every KServe SDK release, against real TorchServe."""
