"""Makes ``pytest conformance`` a run of the suite."""

pytest_plugins = ("kserve_conformance.plugin",)
