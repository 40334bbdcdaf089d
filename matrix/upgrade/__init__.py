"""Whether a wrapper that works on one KServe release works on another."""
