"""The original bug beside its fix, on each SDK release."""
