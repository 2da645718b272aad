"""The format of the ledger's rows and the accounts' balances in Consul's keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from harness.core.model import Row
from harness.core.ports import Corrupt
from harness.workloads.consul.server import ACCOUNTS, LEDGER


def entry(n: int, value: str) -> str:
    """The value of a key of the ledger."""
    return json.dumps({"n": n, "value": value})


def row_of(pair: Mapping[str, object]) -> Row:
    """A key of the ledger as a row; of write 0, which never existed, if it is not in the writer's format."""
    key, text = str(pair["Key"]).removeprefix(LEDGER), _text(pair)
    try:
        match json.loads(text):
            case {"n": int(n), "value": str(value)} if text == entry(n, value):
                return Row(n, key, value)
    except ValueError:
        pass
    return Row(0, key, text)


def account_of(pair: Mapping[str, object]) -> tuple[str, int]:
    """An account (`checking/0`) and its balance. Corrupt if it is not an integer."""
    key, text = str(pair["Key"]), _text(pair)
    try:
        balance = int(text)
    except ValueError:
        balance = None
    if str(balance) != text:
        raise Corrupt(f"{key} holds {text!r}, which is not a balance", (f"account {key.removeprefix(ACCOUNTS)}",))
    return key.removeprefix(ACCOUNTS), int(text)


def _text(pair: Mapping[str, object]) -> str:
    """The value, with its flags if there are any: drillproof writes none."""
    value = base64.b64decode(str(pair["Value"] or "")).decode(errors="backslashreplace")
    return f"{value} with flags {pair['Flags']}" if pair["Flags"] else value
