"""Validates documents against the published schemas."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator

from harness.core import resources

Document = dict[str, Any]
"""JSON that is edited at any depth."""


@functools.cache
def schema(name: str) -> Document:
    text = (resources.folder("reports/schema") / f"{name}.schema.json").read_text()
    return cast("Document", json.loads(text))


@functools.cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema(name))


def wrong(name: str, document: object) -> list[str]:
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator(name).iter_errors(document)]


def lines(run: Path) -> Iterator[Document]:
    return map(json.loads, (run / "journal.jsonl").read_text().splitlines())
