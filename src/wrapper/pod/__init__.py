"""The whole pod in one container: starts TorchServe and the wrapper, and watches both.

It is what an image runs in the place of a shell script: ``python -m wrapper.pod``.
"""
