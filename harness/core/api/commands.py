"""kubectl's commands as requests to the API server: those, and with those options, that a run needs again and again.

A command that is not understood to the last word is None here, and kubectl itself runs it.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import yaml

from harness.core.api import client, streams
from harness.core.api.client import Api
from harness.core.api.kinds import Kind
from harness.core.errors import ApiFailed, TimedOut, ToolFailed
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import condition, name_of, namespace_of
from harness.core.model import Json
from harness.core.process import tail
from harness.core.wait import NotYet, until

_SHORT = {"-n": "--namespace", "-o": "--output", "-l": "--selector", "-f": "--filename", "-p": "--patch"}
_SHORT |= {"-c": "--container", "-A": "--all-namespaces"}
_FLAGS = {"--all-namespaces", "--ignore-not-found", "--all", "--force", "--overwrite", "--stdin", "--previous"}
_FLAGS |= {"--server-side", "--force-conflicts", "--timestamps", "--wait", "--namespaced"}

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_LOOK_S = 0.2
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Thing = Mapping[str, Json]


@dataclass(frozen=True)
class Command:
    """The words of one command of kubectl, without the verb."""

    words: tuple[str, ...]
    options: Mapping[str, str]
    inside: tuple[str, ...] = ()  # what runs in a pod: the words after `--`
    stdin: str | None = None
    within_s: float = 60
    started_s: float = 0.0

    def option(self, name: str, default: str = "") -> str:
        return self.options.get(name, default)

    def is_set(self, flag: str) -> bool:
        return self.option(flag) == "true"

    @property
    def left_s(self) -> float:
        """The time that is left. It is asked for by everything that waits for the server.

        The last request of a wait gets a second, or it would fail before the wait says what it saw.
        """
        return max(1.0, self.started_s + self.within_s - time.monotonic())


@dataclass(frozen=True)
class About:
    """What a command names: whole kinds, or objects of them."""

    kinds: tuple[Kind, ...]
    named: tuple[tuple[Kind, str], ...]
    namespace: str  # "" for all


Verb = Callable[[Api, Command], str | None]


def parse(args: Sequence[str], stdin: str | None, within_s: float) -> tuple[Verb, Command] | None:
    """The command and what does it, if all its options are understood."""
    end = args.index("--") if "--" in args else len(args)
    words: list[str] = []
    options: dict[str, str] = {}
    rest = iter(args[:end])
    for word in rest:
        if not word.startswith("-") or word == "-":
            words.append(word)
            continue
        name, is_given, value = word.partition("=")
        name = _SHORT.get(name, name)
        options[name] = value if is_given else "true" if name in _FLAGS else next(rest, "")
    verb, known = _VERBS.get("".join(words[:1]), (None, frozenset[str]()))
    if verb is None or not set(options) <= known:
        return None
    return verb, Command(tuple(words[1:]), options, tuple(args[end + 1 :]), stdin, within_s, time.monotonic())


def _get(api: Api, command: Command) -> str | None:
    output = command.option("--output")
    if "--raw" in command.options:
        return api.raw(command.option("--raw"), within_s=command.left_s).decode(errors="replace")
    about = _about(api, command) if output in {"json", "yaml", "name"} else None
    if about is None:
        return None
    found = tuple(_found(api, command, about))
    if output == "name":
        return "".join(f"{_short(api, thing)}\n" for thing in found)
    one = len(about.named) == 1
    if one and not found:
        return ""
    shown: Json = found[0] if one else {"apiVersion": "v1", "kind": "List", "items": list(found)}
    return json.dumps(shown) if output == "json" else str(yaml.dump(shown, Dumper=_DUMPER))


def _delete(api: Api, command: Command) -> str | None:
    about = _about(api, command)
    chosen = command.is_set("--all") or "--selector" in command.options
    if about is None or bool(about.named) == chosen:
        return None
    options: dict[str, Json] = {"propagationPolicy": command.option("--cascade", "background").capitalize()}
    forced = command.is_set("--force")
    if "--grace-period" in command.options or forced:  # 0 is taken for an accident unless it is forced
        options["gracePeriodSeconds"] = int(command.option("--grace-period", "0")) or int(not forced)
    wanted = [(kind, name, about.namespace) for kind, name in about.named] or [
        (api.kind_of(thing), name_of(thing), namespace_of(thing)) for thing in _found(api, command, about)
    ]
    uids: dict[tuple[Kind, str, str], str] = {}

    def delete(one: tuple[Kind, str, str]) -> None:
        uids[one] = api.delete(*one, options=options, within_s=command.left_s)

    _each((partial(delete, one) for one in wanted), but="NotFound" if chosen else _tolerated(command))
    if command.option("--wait", "true") == "true":

        def gone() -> None:
            for (kind, name, namespace), uid in tuple(uids.items()):
                there = api.list(kind, namespace, fields=f"metadata.name={name}", within_s=command.left_s)
                if any(text(thing, "metadata", "uid") == uid for thing in there):
                    raise NotYet(f"{kind.full_name} {name} exists")
                del uids[kind, name, namespace]

        _until(gone, "what was deleted to be gone", command)
    return ""


def _create(api: Api, command: Command) -> str | None:
    if command.words[:1] == ("namespace",) and len(command.words) > 1 and not command.options:
        kind = api.kind("namespaces")
        wanted: Json = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": command.words[1]}}
        api.create(kind, cast("Thing", wanted), within_s=command.left_s)
        return ""
    things = _given(api, command)
    if things is None or command.option("--output", "json") != "json":
        return None
    made: list[Thing] = []

    def create(kind: Kind, namespace: str, thing: Thing) -> None:
        made.append(api.create(kind, thing, namespace, within_s=command.left_s))

    _each(partial(create, *one) for one in things)
    return "\n".join(map(json.dumps, made)) if "--output" in command.options else ""


def _apply(api: Api, command: Command) -> str | None:
    """On the server's side; or as kubectl does on its own, where nothing exists yet, so that it only creates."""
    things = _given(api, command)
    if things is None or command.is_set("--server-side") != command.is_set("--force-conflicts"):
        return None
    if command.is_set("--server-side"):
        _each(partial(api.apply, kind, thing, place, within_s=command.left_s) for kind, place, thing in things)
        return ""
    for kind, place, thing in things:
        metadata, where = dict(mapping(thing, "metadata")), {"namespace": place} if kind.namespaced else {}
        notes = mapping(metadata, "annotations")
        given: Json = {**thing, "metadata": {**metadata, **where, "annotations": notes}}
        last = json.dumps(given, separators=(",", ":"), sort_keys=True) + "\n"
        wanted: Json = {**thing, "metadata": {**metadata, "annotations": {**notes, _APPLIED: last}}}
        try:
            api.create(kind, cast("Thing", wanted), place, within_s=command.left_s)
        except ApiFailed as error:
            if error.reason == "AlreadyExists":
                return None  # kubectl compares and changes what exists, and leaves what was created just now
            raise
    return ""


def _patch(api: Api, command: Command) -> str | None:
    how = {"merge": client.MERGE, "strategic": client.STRATEGIC}.get(command.option("--type", "strategic"))
    file = command.option("--patch-file")
    given = command.stdin if file == "/dev/stdin" else None if file else command.option("--patch")
    return _change(api, command, json.loads(given), how) if given and how else None


def _scale(api: Api, command: Command) -> str | None:
    replicas = command.option("--replicas")
    return _change(api, command, {"spec": {"replicas": int(replicas)}}, client.MERGE, "/scale") if replicas else None


def _mark(what: str, api: Api, command: Command) -> str | None:
    """Set labels or annotations, `key=value`, and remove them, `key-`."""
    changes = [word for word in command.words if "=" in word or word.endswith("-")]
    if not changes or (not command.is_set("--overwrite") and any("=" in word for word in changes)):
        return None
    values: dict[str, Json] = {}
    for key, is_set, value in (word.partition("=") for word in changes):
        values[key if is_set else key.removesuffix("-")] = value if is_set else None
    words = tuple(word for word in command.words if word not in changes)
    rest = Command(words, command.options, (), None, command.within_s, command.started_s)
    return _change(api, rest, {"metadata": {what: values}}, client.MERGE)


def _change(api: Api, command: Command, patch: Json, how: str, part: str = "") -> str | None:
    about = _about(api, command)
    if about is None or not about.named:
        return None

    def change(kind: Kind, name: str) -> None:
        api.patch(kind, name, patch, about.namespace, how=how, part=part, within_s=command.left_s)

    _each(partial(change, *one) for one in about.named)
    return ""


def _wait(api: Api, command: Command) -> str | None:
    other, is_condition, kind = command.option("--for").partition("condition=")
    about = _about(api, command)
    if other or not is_condition or "=" in kind or about is None:
        return None

    def met() -> None:
        found = tuple(_found(api, command, about))
        missing = [name_of(each) for each in found if condition(each, kind) != "True"]
        if missing or not found:
            raise NotYet(f"not {kind}: {', '.join(missing) or 'there is none'}")

    _until(met, f"{' '.join(command.words)} to be {kind}", command)
    return ""


def _logs(api: Api, command: Command) -> str | None:
    if len(command.words) != 1 or "/" in command.words[0]:
        return None
    name, namespace = command.words[0], command.option("--namespace") or api.namespace
    container = command.option("--container") or _default_container(api, command, name, namespace)
    asked = [(key, command.option(option)) for option, key in _LOG_OPTIONS.items() if option in command.options]
    path = f"{api.kind('pods').path(namespace, name)}/log"
    query = [("container", container), *asked]
    return _printed(api.raw(path, query=query, within_s=command.left_s))


def _exec(api: Api, command: Command) -> str | None:
    """ToolFailed with the exit code of the command, and what it printed."""
    if len(command.words) != 1 or not command.inside:
        return None
    namespace = command.option("--namespace") or api.namespace
    name = _pod(api, command, command.words[0], namespace)
    if not name:
        return None
    container = command.option("--container") or _default_container(api, command, name, namespace)
    path, given = api.kind("pods").path(namespace, name), (command.stdin or "").encode()
    stdin = given if command.is_set("--stdin") else None
    ended = streams.execute(api, path, container, command.inside, stdin=stdin, within_s=command.left_s)
    if ended.exit_code:
        argv = ("exec", f"{namespace}/{name}", *command.inside)
        said = tail(f"{_printed(ended.stderr).rstrip()}\ncommand terminated with exit code {ended.exit_code}")
        raise ToolFailed(argv, ended.exit_code, said)
    return _printed(ended.stdout)


def _pod(api: Api, command: Command, word: str, namespace: str) -> str:
    """The pod that a word names: itself, or a running one of a Deployment or DaemonSet; "" if kubectl must choose."""
    kind, is_other, name = word.partition("/")
    if not is_other or api.kind(kind).kind == "Pod":
        return name or word
    owner = api.get(api.kind(kind), name, namespace, within_s=command.left_s)
    labels = mapping(owner, "spec", "selector", "matchLabels")
    selector = ",".join(f"{key}={text(value)}" for key, value in labels.items())
    if not selector or at(owner, "spec", "selector", "matchExpressions"):
        return ""
    pods = api.list(api.kind("pods"), namespace, selector=selector, within_s=command.left_s)
    ready = (
        name_of(pod)
        for pod in pods
        if condition(pod, "Ready") == "True" and not at(pod, "metadata", "deletionTimestamp")
    )
    return next(ready, "")


def _default_container(api: Api, command: Command, pod: str, namespace: str) -> str:
    found = api.get(api.kind("pods"), pod, namespace, within_s=command.left_s)
    named = text(found, "metadata", "annotations", "kubectl.kubernetes.io/default-container")
    return named or text(items(found, "spec", "containers")[0], "name")


def _printed(output: bytes) -> str:
    """As `process.run` reads what a command prints."""
    return output.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")


def _api_versions(api: Api, command: Command) -> str | None:
    versions = sorted({kind.api_version for kind in api.kinds(command.left_s)})
    return None if command.words else "".join(f"{version}\n" for version in versions)


def _api_resources(api: Api, command: Command) -> str | None:
    if command.option("--output") != "name":
        return None
    verbs = {verb for verb in command.option("--verbs").split(",") if verb}
    found = [
        kind.full_name
        for kind in api.kinds(command.left_s)
        if verbs <= kind.verbs and (kind.namespaced or not command.is_set("--namespaced"))
    ]
    return "".join(f"{name}\n" for name in dict.fromkeys(found))  # a kind may have several versions


def _version(api: Api, command: Command) -> str | None:
    if command.option("--output") != "json":
        return None
    return json.dumps({"serverVersion": json.loads(api.raw("/version", within_s=command.left_s))})


def _about(api: Api, command: Command) -> About | None:
    """What the words name, as `KIND`, `KIND,KIND`, `KIND NAME...` or `KIND/NAME...`. NotServed."""
    namespace = "" if command.is_set("--all-namespaces") else command.option("--namespace") or api.namespace
    if not command.words:
        return None
    if all("/" in word for word in command.words):
        pairs = [word.split("/", 1) for word in command.words]
    else:
        pairs = [[command.words[0], name] for name in command.words[1:]]
    if any("," in kind or "/" in name for kind, name in pairs) or (pairs and not namespace):
        return None
    named = tuple((api.kind(kind), name) for kind, name in pairs)
    return About(() if named else tuple(map(api.kind, command.words[0].split(","))), named, namespace)


def _found(api: Api, command: Command, about: About) -> Iterator[Thing]:
    chosen = {"selector": command.option("--selector"), "fields": command.option("--field-selector")}
    for kind in about.kinds:
        yield from api.list(kind, about.namespace, **chosen, within_s=command.left_s)
    for kind, name in about.named:
        try:
            yield api.get(kind, name, about.namespace, within_s=command.left_s)
        except ApiFailed as error:
            if error.reason != _tolerated(command):
                raise


def _tolerated(command: Command) -> str:
    return "NotFound" if command.is_set("--ignore-not-found") else "nothing"


def _given(api: Api, command: Command) -> list[tuple[Kind, str, Thing]] | None:
    """The objects on standard input, in JSON, each with its kind and namespace. NotServed, before anything changes."""
    if command.option("--filename") != "-" or command.words or command.stdin is None:
        return None
    try:
        document = cast("Thing", json.loads(command.stdin))
    except ValueError:
        return None
    given, asked = [], command.option("--namespace")
    for each in items(document, "items") if text(document, "kind") == "List" else (document,):
        thing = cast("Thing", each)
        kind, own = api.kind_of(thing), namespace_of(thing)
        if asked and own not in {"", asked}:
            return None
        given.append((kind, own or asked or api.namespace, thing))
    return given


def _each(requests: Iterable[Callable[[], object]], but: str = "nothing") -> None:
    """Make all requests, and fail with all that was refused, as kubectl does, `but` for this reason."""
    refused: list[ApiFailed] = []
    for request in requests:
        try:
            request()
        except ApiFailed as error:
            refused += [error] if error.reason != but else []
    if refused:
        first = refused[0]
        raise ApiFailed(first.asked, "\n".join(error.tail for error in refused), first.status, first.reason)


def _until(probe: Callable[[], None], waited_for: str, command: Command) -> None:
    """Wait for as long as the command says. As kubectl: ApiFailed where it says so itself, TimedOut else."""
    own = command.option("--timeout").removesuffix("s")
    within_s = float(own) if own else command.left_s
    try:
        until(probe, waited_for=waited_for, within_s=within_s, every_s=_LOOK_S)
    except TimedOut as error:
        raise ApiFailed(waited_for, f"timed out after {within_s:.0f} s: {error.last_seen}") if own else error from error


def _short(api: Api, thing: Thing) -> str:
    """`pod/db-0`, `backup.velero.io/nightly`."""
    kind = api.kind_of(thing)
    return f"{kind.kind.lower()}{f'.{kind.group}' if kind.group else ''}/{text(thing, 'metadata', 'name')}"


_WHICH = {"--namespace", "--selector"}
_LOG_OPTIONS = {
    "--tail": "tailLines",
    "--previous": "previous",
    "--timestamps": "timestamps",
    "--since-time": "sinceTime",
    "--limit-bytes": "limitBytes",
}
_VERBS: dict[str, tuple[Verb, frozenset[str]]] = {
    verb: (does, frozenset(options))
    for verb, does, options in (
        ("get", _get, {*_WHICH, "--all-namespaces", "--output", "--field-selector", "--ignore-not-found", "--raw"}),
        (
            "delete",
            _delete,
            {*_WHICH, "--all", "--ignore-not-found", "--wait", "--timeout", "--force", "--grace-period", "--cascade"},
        ),
        ("create", _create, {"--namespace", "--filename", "--output", "--validate"}),
        ("apply", _apply, {"--namespace", "--filename", "--server-side", "--force-conflicts"}),
        ("patch", _patch, {"--namespace", "--type", "--patch", "--patch-file"}),
        ("scale", _scale, {"--namespace", "--replicas"}),
        ("label", partial(_mark, "labels"), {"--namespace", "--overwrite"}),
        ("annotate", partial(_mark, "annotations"), {"--namespace", "--overwrite"}),
        ("wait", _wait, {*_WHICH, "--all", "--for", "--timeout"}),
        ("exec", _exec, {"--namespace", "--container", "--stdin"}),
        ("logs", _logs, {"--namespace", "--container", *_LOG_OPTIONS}),
        ("api-versions", _api_versions, ()),
        ("api-resources", _api_resources, {"--namespaced", "--verbs", "--output"}),
        ("version", _version, {"--output"}),
    )
}
