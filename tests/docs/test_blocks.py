"""Every block of code in the documents is what it says: commands exist with their options, files can be read."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import documents
import jsonschema
import pytest
import yaml
from typer.core import TyperCommand

from harness.campaigns.fleet import definition
from harness.core.errors import Misconfigured
from harness.evidence import human

BLOCKS = [block for page in documents.PAGES for block in documents.blocks(page)]
SPANS = sorted({(documents.name(page), span) for page in documents.PAGES for span in documents.spans(page)})
_COMMENTS = re.compile(r"""('[^']*'|"[^"]*")|(?:^|(?<=\s))#.*$""", re.MULTILINE)  # what is quoted stays


def called(script: str) -> Iterator[list[str]]:
    """The simple commands of a shell script, each as its words; redirections are left out."""
    script = _COMMENTS.sub(lambda found: found[1] or "", script).replace("\\\n", " ")
    lexer = shlex.shlex(script, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words: list[str] = []
    for word in (*lexer, "\n"):
        if set(word) <= set("\n();&|"):
            if words:
                yield words
            words = []
        else:
            words.append(word)


def wrong(words: list[str]) -> str:
    """What is wrong with one command of ours or of make; "" for nothing, and for every other program."""
    words = [*words[: words.index(">")]] if ">" in words else words
    program = Path(words[0]).name
    if program == "make":
        names = {word for word in words[1:] if "=" not in word and not word.startswith("-")}
        return f"the Makefile has no {names - documents.targets()}" if names - documents.targets() else ""
    if program != "drillproof":
        return ""
    try:
        command, rest = documents.resolved(words[1:])
        if isinstance(command, TyperCommand):
            command.make_context("drillproof", rest)
        elif rest != ["--help"]:
            return f"`{' '.join(words)}` lacks a command"
    except KeyError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 # typer's errors of usage are none of its public names
        return f"`{' '.join(words)}`: {getattr(error, 'message', error)}"
    return ""


def check_shell(text: str, _: Path) -> None:
    problems = [problem for words in called(text) if (problem := wrong(words))]
    if problems:
        raise ValueError("; ".join(problems))


def whole_fleet(file: Path) -> None:
    if problems := definition.read(file).problems:
        raise ValueError("; ".join(problems))


def check_toml(text: str, folder: Path) -> None:
    """Read it, and by our own readers what those can read."""
    said = tomllib.loads(text)
    file = folder / "file.toml"
    file.write_text(text)
    readers: dict[str, Callable[[Path], object]] = {
        "store": documents.application_file.read,
        "purpose": human.about,
        "lessons": human.review,
        "target": whole_fleet,
    }
    if read := next((reader for key, reader in readers.items() if key in said), None):
        read(file)
        return
    for context in said.get("context", ()):
        (folder / said["context"][context]["credentials"]).write_text(
            "[default]\naws_access_key_id = a\naws_secret_access_key = b\n"
        )
        documents.permissions_file.allowed_drill(context, file)
    for context in said.get("prove", ()):
        documents.permissions_file.allowed_proof(context, file)
    if "migrate" in said:
        documents.permissions_file.require_migration(tuple(said["migrate"]), file)
    if not said.keys() & {"context", "prove", "migrate"}:
        raise ValueError("is no file that drillproof reads")


def check_ini(text: str, folder: Path) -> None:
    configparser.ConfigParser(interpolation=None).read_string(text)
    (folder / "credentials").write_text(text)
    documents.source.read_credentials(folder / "credentials", {})


def check_yaml(text: str, _: Path) -> None:
    if not list(filter(None, yaml.safe_load_all(text))):
        raise ValueError("is empty")


def check_json(text: str, _: Path) -> None:
    json.loads(text)


def check_python(text: str, _: Path) -> None:
    compile(text, "block", "exec")


def check_diff(text: str, _: Path) -> None:
    if not all(line.startswith(("+", "-", " ")) for line in text.splitlines()):
        raise ValueError("is no diff")


def check_nothing(_: str, __: Path) -> None:
    """Output of a program, or a list of files: nothing to run."""


CHECKS: Mapping[str, Callable[[str, Path], None]] = {
    "sh": check_shell,
    "toml": check_toml,
    "ini": check_ini,
    "yaml": check_yaml,
    "json": check_json,
    "python": check_python,
    "diff": check_diff,
    "text": check_nothing,
}
"""What a block may be, and what makes it right."""


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_block(block: documents.Block, tmp_path: Path) -> None:
    assert block.language in CHECKS, f"{block.where} needs a fence with one of: {', '.join(CHECKS)}"
    CHECKS[block.language](block.text, tmp_path)


def test_there_are_blocks_of_most_kinds() -> None:
    assert {block.language for block in BLOCKS} >= {"sh", "toml", "ini", "yaml", "json", "diff", "text"}


@pytest.mark.parametrize(("page", "span"), [each for each in SPANS if each[1].startswith(("drillproof ", "make "))])
def test_command_in_prose(page: str, span: str) -> None:
    """It may leave out what a command needs, but names no command, option or target that does not exist."""
    words = shlex.split(span)
    if words[0] == "make":
        assert wrong(words) == "", page
        return
    command, rest = documents.resolved([word for word in words[1:] if word != "COMMAND"])
    options = {option for each in command.params for option in each.opts} | {"--help"}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= options, page


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sh", "drillproof runn"),
        ("sh", "drillproof run --no-such-option"),
        ("sh", "cd x && drillproof prove  # without its bucket"),
        ("sh", "drillproof run \\\n  --sed 1"),
        ("sh", "drillproof migrate"),
        ("sh", "echo | .venv/bin/drillproof verify"),
        ("sh", "make drill no-such-target"),
        ("toml", "x ="),
        ("toml", "unknown = 1"),
        ("toml", '[context."a"]\ncredentials = "c"'),
        ("toml", 'migrate = ["a"]\nmove = 1'),
        ("toml", 'name = "a"\n[[store]]\nkind = "oracle"'),
        ("ini", "[other]\nx = 1"),
        ("yaml", "a: [1"),
        ("yaml", ""),
        ("json", "{,}"),
        ("python", "def"),
        ("diff", "x"),
    ],
)
def test_a_block_that_is_wrong_is_found(language: str, text: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, SyntaxError, Misconfigured, yaml.YAMLError, configparser.Error)):
        CHECKS[language](text, tmp_path)


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a 'b  # c' d # e\nf", [["a", "b  # c", "d"], ["f"]]),
        ("a \\\n  b && c | d; (e)", [["a", "b"], ["c"], ["d"], ["e"]]),
        ("x=$(a b)\nc > d", [["x=$"], ["a", "b"], ["c", ">", "d"]]),
    ],
)
def test_a_script_is_cut_into_its_commands(script: str, commands: list[list[str]]) -> None:
    assert list(called(script)) == commands


def test_the_finding_that_is_shown_is_valid() -> None:
    schema = json.loads((documents.ROOT / "reports" / "schema" / "findings.schema.json").read_text())
    (shown,) = (json.loads(block.text) for block in BLOCKS if block.language == "json" and "findings" in block.text)
    for finding in shown["findings"]:
        jsonschema.validate(finding, schema["$defs"]["finding"])


def test_reasons_that_are_shown_exist() -> None:
    text = "".join(page.read_text() for page in documents.PAGES)
    listed = set(
        re.findall(
            r"^\| `([A-Z]\w+)` \|", (documents.ROOT / "docs" / "reference" / "checks.md").read_text(), re.MULTILINE
        )
    )
    shown = set(re.findall(r'"reason": "(\w+)"|\| `[a-z-]+` \| `([A-Z]\w+)` \|', text))
    assert {one or other for one, other in shown} | {"AsExpected", "AcknowledgedWriteLost"} <= listed
