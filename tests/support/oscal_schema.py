"""Validates OSCAL documents by NIST's schemas, whose patterns are of XML's dialect."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from elementpath.regex import translate_pattern
from jsonschema import Draft7Validator, ValidationError, validators
from jsonschema.protocols import Validator


def wrong(document: Mapping[str, Any], schema: Path) -> list[str]:
    """What of a document is not as the schema says: its place, and why."""
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in _validator(schema).iter_errors(document)]


@functools.cache
def _python(pattern: str) -> re.Pattern[str]:
    r"""The schema's patterns know classes as \p{L}; Python's do not, and XML's are a dialect that does and is known."""
    return re.compile(translate_pattern(pattern, back_references=False))


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _python(pattern).search(value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


@functools.cache
def _validator(schema: Path) -> Validator:
    kind = validators.extend(Draft7Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call] # not typed there
    return cast("Validator", kind(json.loads(schema.read_text())))
