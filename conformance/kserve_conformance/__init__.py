"""Judges any KServe / Open Inference Protocol server by what it answers."""

VERSION = "1.0"
