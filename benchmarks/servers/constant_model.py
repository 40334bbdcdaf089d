"""The KServe SDK's own server with a model that answers a constant: what the SDK alone costs."""

from __future__ import annotations

from typing import Any

import kserve


class ConstantModel(kserve.Model):
    """Answers without looking at what it was asked."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    async def predict(self, payload: Any, *_: Any, **__: Any) -> Any:
        """Answer the constant."""
        return {"predictions": [1]}


if __name__ == "__main__":
    kserve.ModelServer().start([ConstantModel("echo")])
