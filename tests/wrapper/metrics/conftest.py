"""What tests of metrics ask for by name."""

from tests.wrapper.front.conftest import torchserve
from tests.wrapper.torchserve.conftest import standin

__all__ = ["standin", "torchserve"]
