"""What TorchServe tells of a model's versions, which depends on what its ports are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from wrapper.names import Target
from wrapper.torchserve.description import Description
from wrapper.torchserve.management_api import EVERY, ManagementApi


class Look(NamedTuple):
    """What is known of a model's versions after another look.

    Attributes:
        default: the version that TorchServe serves by default, as it is now; None where it says
            nothing of any.
        others: the versions beside it.
        are_new: whether the others are as they are now, and not as at an earlier look.
        problem: why TorchServe doesn't tell the others now; None where it does.
        are_all: whether there are no versions but these, as far as can be known.
        is_open: whether some of what was asked is told by a later look.
    """

    default: Description | None
    others: Sequence[Description]
    are_new: bool = True
    problem: str | None = None
    are_all: bool = True
    is_open: bool = False


class Versions(Protocol):
    """Asks about versions, and unloads them."""

    def look(self, model: str) -> Look:
        """Ask about a model for its readiness, as often as that is asked.

        Not for several threads at once.

        Raises:
            ManagementError: when TorchServe says nothing of it.
        """

    def describe(self, model: str) -> list[Description]:
        """Give each version as it is now; the default one comes first.

        Raises:
            ManagementError: when TorchServe says nothing of it.
        """

    def unregister(self, target: Target) -> None:
        """Have TorchServe unload a model's version.

        Raises:
            ManagementError: when it refuses.
        """

    def see_change(self, model: str) -> None:
        """Know at once what the wrapper itself had changed of a model."""


class SeparatePorts:
    """TorchServe's REST servers have a port each: its management API tells everything."""

    def __init__(self, api: ManagementApi, customized: bool) -> None:
        self._api = api
        self._customized = customized

    def look(self, model: str) -> Look:
        """See `Versions`."""
        versions = self.describe(model)
        return Look(versions[0] if versions else None, versions[1:])

    def describe(self, model: str) -> list[Description]:
        """See `Versions`."""
        # A handler's own metadata is in no answer about all versions.
        default = self._api.describe(Target(model), customized=True) if self._customized else []
        every = self._api.describe(Target(model, EVERY))
        if len(every) > 1 and not default:
            # Which is the default one is told by what is said of a model without a version.
            default = self._api.describe(Target(model))
        return [*default, *beside(default, every)]

    def unregister(self, target: Target) -> None:
        """See `Versions`."""
        self._api.unregister(target)

    def see_change(self, model: str) -> None:
        """Do nothing: the next look asks about everything."""


def beside(default: Sequence[Description], every: Sequence[Description]) -> list[Description]:
    """Give the versions but the default one, in the order in which they are told to clients."""
    first = [version.version for version in default]
    others = [version for version in every if version.version not in first]
    return sorted(others, key=lambda version: version.version)
