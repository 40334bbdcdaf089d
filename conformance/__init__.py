"""Judges any KServe / Open Inference Protocol server by what it answers."""
