"""Makes ``pytest matrix`` a run of the matrix."""

pytest_plugins = ("matrix.running.plugin",)
