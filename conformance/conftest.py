"""Makes ``pytest conformance`` a run of the suite."""

pytest_plugins = ("conformance.plugin",)
