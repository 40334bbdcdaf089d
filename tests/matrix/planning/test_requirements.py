"""A wrapper's own requirements: how they are read, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from matrix.planning import options, requirements
from matrix.planning.requirements import RequirementError
from matrix.planning.subject import SubjectError

FILE = """\
# what the image installs
kserve[storage]==0.13.0
Boto3 >=1.20,<2  # for buckets
roman == 3.3 \\
    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000

requests ; python_version < "3.12"
"""


def test_they_come_in_one_form_and_order(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(FILE)
    read = requirements.read(str(file), ["roman==3.3", "azure_core"])
    assert read == (
        "azure-core",
        "boto3<2,>=1.20",
        "kserve[storage]",
        'requests; python_version < "3.12"',
        "roman==3.3",
    )


def test_of_one_on_the_sdk_only_the_extras_count() -> None:
    assert requirements.read(None, ["kserve==0.13.0"]) == ()
    assert requirements.read(None, ["kserve[storage]>=0.9"]) == ("kserve[storage]",)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-e .", "'-e .' is no requirement such as boto3>=1.20"),
        ("-r others.txt", "is no requirement"),
        ("--index-url https://example.org", "is no requirement"),
        ("boto3 =1.20", "is no requirement"),
        ("mine @ https://example.org/mine.zip", "is at an address"),
    ],
)
def test_what_no_lock_can_hold_is_refused_with_its_line(
    line: str, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"# first\nroman \\\n  ==3.3\n{line}\n")
    with pytest.raises(RequirementError) as refused:
        requirements.read(str(file), [])
    assert str(refused.value).startswith(f"{file}, line 4: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_word_of_the_command_line_is_named() -> None:
    with pytest.raises(RequirementError, match=r"^--with boto3=1: 'boto3=1' is no "):
        requirements.read(None, ["boto3=1"])


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match=r"--requirements .* can't be read: No such file"):
        requirements.read(str(tmp_path / "none.txt"), [])


def test_options_give_them_to_the_subject_and_to_another_process() -> None:
    wanted = options.parsed(with_=["roman", "boto3"], ports="8080,8081")
    assert wanted.subject().requirements == ("boto3", "roman")
    assert wanted.subject().ports == (8080, 8081)
    told = wanted.given_arguments()
    assert told == ["--with", "roman", "--with", "boto3", "--ports", "8080,8081"]
    assert options.parsed().subject().requirements == ()


@pytest.mark.parametrize("ports", ["8080", "8080,8080", "8080,x", "0,1", "8080,70000", "1,2,3", ""])
def test_ports_that_are_none_are_refused(ports: str) -> None:
    with pytest.raises(SubjectError, match="write the REST port and the gRPC port, as 8080,8081"):
        options.parsed(ports=ports).subject()
