"""Faults under load: what clients, a probe and a gateway see of a wrapper while things break."""
