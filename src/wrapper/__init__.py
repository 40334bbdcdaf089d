"""The process that stands beside TorchServe in a KServe predictor pod.

It speaks KServe's protocols (V1 and the Open Inference Protocol) on every SDK
release since 0.8.0 and forwards to TorchServe. Run it as ``python -m wrapper``.

Nothing is imported here, so that a refused PROTOCOL_VERSION is told at once.
"""
