"""What the container's command line means."""

from __future__ import annotations

import pytest

from wrapper.pod.arguments import Arguments, ArgumentsError

STOCK = (
    "torchserve",
    "--start",
    "--model-store=/mnt/models/model-store",
    "--ts-config=/mnt/models/config/config.properties",
)
STOCK_CONFIG, STOCK_STORE = "/mnt/models/config/config.properties", "/mnt/models/model-store"


def test_those_of_kserves_runtime_are_read() -> None:
    assert Arguments.parse(STOCK) == Arguments(STOCK, (), STOCK_CONFIG, STOCK_STORE)


def test_none_are_those_of_kserves_runtime() -> None:
    assert Arguments.parse(()) == Arguments.parse(STOCK)


def test_flags_of_the_wrapper_come_after_two_dashes() -> None:
    flags = ("--workers", "2", "--", "x")
    assert Arguments.parse((*STOCK, "--", *flags)) == Arguments(
        STOCK, flags, STOCK_CONFIG, STOCK_STORE
    )
    assert Arguments.parse(("--", "--workers=2")) == Arguments(
        STOCK, ("--workers=2",), STOCK_CONFIG, STOCK_STORE
    )


def test_both_spellings_are_read_wherever_they_stand() -> None:
    command = (
        *("/opt/bin/torchserve", "--models", "a.mar", "b=b.mar"),
        *("--ts-config", "c.properties", "--ncs", "--model-store", "store", "--start"),
    )
    assert Arguments.parse(command) == Arguments(command, (), "c.properties", "store")


def test_what_is_not_named_is_none() -> None:
    command = ("torchserve", "--start")
    assert Arguments.parse(command) == Arguments(command, (), None, None)


@pytest.mark.parametrize("word", ["--foreground", "--fore", "--f"])
def test_a_launcher_is_not_asked_to_stay(word: str) -> None:
    assert Arguments.parse(("torchserve", word, "--start")).torchserve == ("torchserve", "--start")


@pytest.mark.parametrize("words", [("serve",), ("--workers=2",), ("bash", "-c", "torchserve")])
def test_another_command_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentsError) as raised:
        Arguments.parse(words)
    assert str(raised.value) == (
        f"{words[0]!r} is not TorchServe's command: write "
        "python -m wrapper.pod [torchserve --start ARGUMENT...] [-- WRAPPER_FLAG...]"
    )


def test_an_option_without_its_value_is_refused() -> None:
    with pytest.raises(ArgumentsError, match=r"^TorchServe's command can't be read: .*--ts-config"):
        Arguments.parse(("torchserve", "--start", "--ts-config"))
