"""A file for an application that nobody has described yet, from what its manifests show: to be read and confirmed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, name_of
from harness.core.model import Json
from harness.workloads.manifests import inventory
from harness.workloads.manifests.inventory import Seen
from harness.workloads.manifests.spec import UNKNOWN, USERS, Reference


@dataclass(frozen=True)
class Found:
    """What manifests show of an application."""

    place: str  # of the manifests, as it was asked for
    namespace: str
    databases: tuple[Seen, ...]
    others: tuple[Object, ...]  # the pods that are no database
    lacking: Mapping[str, tuple[str, ...]]  # the keys that pods want of Secrets that are not there


def found(place: str, objects: Sequence[Object], namespace: str) -> Found:
    """All of it. Misconfigured if no database is recognised: there is nothing to drill then."""
    pods = inventory.pods(objects, namespace)
    databases = inventory.databases(objects, namespace)
    if not databases:
        seen = ", ".join(sorted(name_of(pod) for pod in pods)) or "no pods"
        raise Misconfigured(f"{place}: no MySQL, PostgreSQL or Consul is recognised among {seen}")
    names = {each.database.pod for each in databases}
    others = tuple(pod for pod in pods if name_of(pod) not in names)
    return Found(place, namespace, databases, others, _lacking(pods, inventory.secrets(objects)))


def lines(seen: Found) -> Iterator[str]:
    """What was seen, for people."""
    for each in seen.databases:
        its = each.database
        yield f"{its.kind} in {its.pod} ({each.maker}, container {its.container}): {its.why}"
        yield f"  opened by: {_opened(each, seen.lacking)}"
        yield f"  {_copies(each)}"
    for pod in seen.others:
        claims = ", ".join(inventory.claims(pod))
        files = f"; its files in {claims} are not compared" if claims else ""
        yield f"no database: {text(pod, 'metadata', 'name')} ({inventory.maker(pod)}){files}"
    for secret, keys in seen.lacking.items():
        yield f"the manifests lack the Secret {secret}, of which pods want {', '.join(keys)}"


def document(seen: Found) -> Json:
    """The same for scripts."""
    return {
        "manifests": seen.place,
        "namespace": seen.namespace,
        "databases": [
            {
                "kind": each.database.kind,
                "pod": each.database.pod,
                "container": each.database.container,
                "why": each.database.why,
                "maker": each.maker,
                "user": _plain(each.user),
                "password": _plain(each.password) if isinstance(each.password, Reference) else None,
                "databases": list(each.databases),
                "copied": list(each.copied),
                "not_copied": list(each.uncopied),
                "hooks": list(each.hooks),
            }
            for each in seen.databases
        ],
        "others": [name_of(pod) for pod in seen.others],
        "lacking_secrets": {secret: list(keys) for secret, keys in seen.lacking.items()},
    }


def proposal(seen: Found, manifests: str, *, chart: bool) -> str:
    """The file, with why each line is in it. What the manifests do not say is left open, and refused until it is."""
    return "\n".join((*_head(seen, manifests, chart=chart), *_stores(seen), *_generated(seen))) + "\n"


def _head(seen: Found, manifests: str, *, chart: bool) -> Iterator[str]:
    yield f"# Proposed by `drillproof detect {seen.place}` from what it saw. See docs/how-to/application.md."
    yield f'# Whatever is "{UNKNOWN}" the manifests do not say, and you have to.'
    yield "confirmed = false # read all of it, mend it, and say true"
    yield f"name = {_word(seen.namespace or UNKNOWN)}"
    yield f"namespace = {_word(seen.namespace or UNKNOWN)}"
    yield f"{'chart' if chart else 'manifests'} = {_word(manifests)}"
    yield f"strategy = {_word(UNKNOWN)} # how data get into the backup here, in a word of yours: dump, files, ..."
    if fleeting := [each for each in seen.databases if not _lasts(each)]:
        yield "# Pods with a new name each time, not known again after a restore: nothing of them is judged."
        yield f"not_drilled = [{', '.join(_word(each.database.pod) for each in fleeting)}]"
    yield ""
    yield "[objectives] # what you ask of a recovery, in seconds; the scenario's own if you say nothing"
    yield "# rto_s = 600"
    yield "# rpo_s = 300"


def _stores(seen: Found) -> Iterator[str]:
    by_maker: dict[tuple[str, str], list[Seen]] = {}
    for each in filter(_lasts, seen.databases):
        by_maker.setdefault((each.maker, each.database.kind), []).append(each)
    kinds = [kind for _, kind in by_maker]
    for (maker, kind), members in by_maker.items():
        first = members[0]
        yield ""
        yield f"[[store]] # {maker}: {first.database.why}"
        yield f"kind = {_word(kind)}"
        if kinds.count(kind) > 1:
            yield f"name = {_word(maker.split()[-1])} # since there is more than one {kind}"
        note = " # the primary's pod has to be the first" if len(members) > 1 else ""
        yield f"members = [{', '.join(_word(each.database.pod) for each in members)}]{note}"
        yield f"container = {_word(first.database.container)}"
        yield from _login(first)
        if kind != "consul":
            databases = first.databases or (UNKNOWN,)
            why = " # those that hold your data" + (", the first also holds the ledger" if kind == "postgres" else "")
            yield f"databases = [{', '.join(map(_word, databases))}]{why}"
        yield f"# {_copies(first)}"
        yield '# recover = ["bash", "/restore.sh"] # a command in its container after the restore, if it needs one'


def _login(each: Seen) -> Iterator[str]:
    if isinstance(each.user, Reference):
        yield f"user_from = {_reference(each.user)}"
    elif each.user != USERS[each.database.kind]:
        yield f"user = {_word(each.user)}"
    elif each.user:
        yield f"user = {_word(each.user)} # the usual administrator; the manifests name no other"
    if isinstance(each.password, Reference):
        yield f"password = {_reference(each.password)}"
    elif each.password:
        yield f"# Its password stands as plain text in the variable {each.password}; put it into a Secret."
        yield f"password = {_reference(Reference(UNKNOWN, UNKNOWN))}"
    elif each.database.kind == "consul":
        yield '# password = { secret = "NAME", key = "KEY" } # a management token, if there are ACLs'
    else:
        yield f"password = {_reference(Reference(UNKNOWN, UNKNOWN))}"


def _generated(seen: Found) -> Iterator[str]:
    for secret, keys in seen.lacking.items():
        yield ""
        yield "[[generate]] # it is not in the manifests: made anew for each drill, unless you add it there"
        yield f"secret = {_word(secret)}"
        yield f"keys = [{', '.join(map(_word, keys))}]"


def _opened(each: Seen, lacking: Mapping[str, tuple[str, ...]]) -> str:
    user = each.user if isinstance(each.user, str) else f"whom the key {each.user.key} of {each.user.secret} names"
    if isinstance(each.password, Reference):
        absent = ", which is not in the manifests" if each.password.secret in lacking else ""
        return f"{user or 'a token'}, with the key {each.password.key} of the Secret {each.password.secret}{absent}"
    plain = f"a password in plain text ({each.password})" if each.password else "nothing that was seen"
    return f"{user or 'anybody'}, with {plain}"


def _copies(each: Seen) -> str:
    copied = f"Velero copies {', '.join(each.copied)}" if each.copied else "Velero copies NOTHING of it"
    uncopied = f", not {', '.join(each.uncopied)}" if each.uncopied else ""
    return f"{copied}{uncopied}; hooks: {'; '.join(each.hooks) or 'none'}"


def _lasts(each: Seen) -> bool:
    return each.maker.startswith(f"{inventory.STATEFUL} ")


def _lacking(pods: Iterable[Object], secrets: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    wanted: dict[str, dict[str, None]] = {}
    for pod in pods:
        for part in ("initContainers", "containers"):
            for container in items(pod, "spec", part):
                for variable in items(container, "env"):
                    ref = at(variable, "valueFrom", "secretKeyRef")
                    if ref is not None and at(ref, "optional") is not True:
                        wanted.setdefault(text(ref, "name"), {})[text(ref, "key")] = None
    return {name: tuple(keys) for name, keys in wanted.items() if name not in secrets}


def _plain(value: str | Reference | None) -> Json:
    return {"secret": value.secret, "key": value.key} if isinstance(value, Reference) else value


def _reference(to: Reference) -> str:
    return f"{{ secret = {_word(to.secret)}, key = {_word(to.key)} }}"


def _word(value: str) -> str:
    """A basic string of TOML, which is written as one of JSON is."""
    return json.dumps(value, ensure_ascii=False)
