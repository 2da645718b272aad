"""The client that writes Consul's ledger, one transaction for each write with its transfer; and the format of both."""

import base64
import contextlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from consul import exceptions  # type: ignore[import-untyped] # py-consul ships no types
from requests import RequestException

from harness.core.bank_workload import TABLES, transfer
from harness.core.model import Operation, Row
from harness.core.ports import Corrupt, Refused, Unanswered
from harness.workloads.consul.server import ACCOUNTS, LEDGER, Server

WRITE_S = 5.0
"""Time limit in seconds for the answer to one write; without an answer its outcome is unknown."""

_REFUSALS = (exceptions.ClientError, exceptions.BadRequest, exceptions.ACLPermissionDenied, exceptions.ACLDisabled)
"""HTTP 4xx. Not 5xx: after "leadership lost while committing" the write may have been committed."""

Step = dict[str, dict[str, object]]
"""One operation of a transaction."""


@dataclass(frozen=True)
class _Account:
    balance: int
    index: int  # of Raft, when it was last changed


class ConsulWriter:
    """Implements `harness.core.ports.Writer`.

    Every account is written only if it is unchanged since this writer's last write. If something else changed a
    balance, the whole write is refused.
    """

    def __init__(self, opening: AbstractContextManager[Server]) -> None:
        """`opening` gives a server with consistent reads. Refused while the cluster waits for a restore.

        The Service `consul-http`, which clients use, does not route to such a server.
        """
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(opening)
            if not server.is_open():
                raise Refused("closed: the cluster waits for a restore")
            self._txn = server.client.txn
            self._accounts: dict[str, _Account] = {}
            for pair in server.pairs(ACCOUNTS):
                with contextlib.suppress(Corrupt):  # the account is then missing, and its writes are refused
                    name, balance = account_of(pair)
                    self._accounts[name] = _Account(balance, int(str(pair["ModifyIndex"])))
            self._open = stack.pop_all()

    def apply(self, operation: Operation) -> None:
        """Commit one operation with its transfer; Refused only where nothing was, every doubt is Unanswered."""
        made = transfer(operation.n)
        after = {}
        for name, more in ((f"{TABLES[0]}/{made.source}", -made.amount), (f"{TABLES[1]}/{made.target}", made.amount)):
            if name not in self._accounts:
                raise Refused(f"no balance of {name}")
            before = self._accounts[name]
            after[name] = _Account(before.balance + more, before.index)
        money = [_set(ACCOUNTS + name, str(account.balance), account.index) for name, account in after.items()]
        try:
            results = self._txn.put([*_change(operation), *money])["Results"]
            indexes = {result["KV"]["Key"]: int(result["KV"]["ModifyIndex"]) for result in results}
            self._accounts |= {name: _Account(a.balance, indexes[ACCOUNTS + name]) for name, a in after.items()}
        except _REFUSALS as error:
            raise Refused(str(error)) from error
        except (exceptions.ConsulException, RequestException, LookupError, TypeError, ValueError) as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        self._open.close()


def entry(n: int, value: str) -> str:
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


def _change(operation: Operation) -> list[Step]:
    """The operation itself. `get` fails without the key, and with it the transaction."""
    key = LEDGER + operation.key
    exists: Step = {"KV": {"Verb": "get", "Key": key}}
    if operation.verb == "delete":
        return [exists, {"KV": {"Verb": "delete", "Key": key}}]
    if operation.verb == "update":
        return [exists, _set(key, entry(operation.n, operation.value))]
    return [_set(key, entry(operation.n, operation.value), 0)]


def _set(key: str, value: str, index: int | None = None) -> Step:
    """Write a key; with `index`, only if its last change has that index, or for 0 only if it does not exist."""
    encoded = base64.b64encode(value.encode()).decode()
    return {"KV": {"Verb": "set" if index is None else "cas", "Key": key, "Value": encoded, "Index": index or 0}}
