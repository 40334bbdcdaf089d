"""Whether results are good enough for a release, by a policy, and why."""
