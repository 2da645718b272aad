"""How a row of the ledger and an account's balance stand in Consul's keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from harness.core.model import Row
from harness.core.ports import Corrupt
from harness.workloads.consul.server import ACCOUNTS, LEDGER


def entry(n: int, value: str) -> str:
    """The value of a ledger's key."""
    return json.dumps({"n": n, "value": value})


def row_of(pair: Mapping[str, object]) -> Row:
    """A ledger's key as a row. Write 0, which there never was, if it is not as the ledger's writer writes."""
    key, text = str(pair["Key"]).removeprefix(LEDGER), _text(pair)
    try:
        match json.loads(text):
            case {"n": int(n), "value": str(value)} if text == entry(n, value):
                return Row(n, key, value)
    except ValueError:
        pass
    return Row(0, key, text)


def account_of(pair: Mapping[str, object]) -> tuple[str, int]:
    """An account (`checking/0`) and its balance. Corrupt if no whole number stands there."""
    key, text = str(pair["Key"]), _text(pair)
    try:
        balance = int(text)
    except ValueError:
        balance = None
    if str(balance) != text:
        raise Corrupt(f"{key} holds {text!r}, which is no balance", (f"account {key.removeprefix(ACCOUNTS)}",))
    return key.removeprefix(ACCOUNTS), int(text)


def _text(pair: Mapping[str, object]) -> str:
    """The value, and beside it whatever else was made of a key that has nothing else."""
    value = base64.b64decode(str(pair["Value"] or "")).decode(errors="backslashreplace")
    return f"{value} with flags {pair['Flags']}" if pair["Flags"] else value
