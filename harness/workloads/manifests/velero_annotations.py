"""Velero's annotations of pods: what they ask for, in words, and what Velero would ignore or fail with.

A command may hold a password, so only its program is shown.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping

from harness.backups.backup_selection import ANNOTATION, EXCLUDED, volumes_to_copy
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, containers
from harness.core.model import Json

_EXEC = ("command", "container", "on-error", "timeout")
_KEYS = {
    "backup.velero.io": ("backup-volumes", "backup-volumes-excludes", "must-include-additional-items"),
    "pre.hook.backup.velero.io": _EXEC,
    "hook.backup.velero.io": _EXEC,  # the older name of the one before
    "post.hook.backup.velero.io": _EXEC,
    "init.hook.restore.velero.io": ("container-image", "container-name", "command", "timeout"),
    "post.hook.restore.velero.io": (*_EXEC[:3], "exec-timeout", "wait-timeout", "wait-for-ready"),
}
"""Every annotation that Velero reads, by prefix."""

_INIT = "init.hook.restore.velero.io"
_WHEN = {
    "pre.hook.backup.velero.io": "before the copy",
    "hook.backup.velero.io": "before the copy",
    "post.hook.backup.velero.io": "after the copy",
    _INIT: "before the first start after a restore",
    "post.hook.restore.velero.io": "after a restore",
}
_PROGRAM = re.compile(r"[\w./-]{1,60}")
_DURATION = re.compile(r"0|(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+")


def hooks(pod: Object) -> Iterator[str]:
    """The hooks of a pod: when, where, and which program."""
    annotations = mapping(pod, "metadata", "annotations")
    for prefix, when in _WHEN.items():
        command = _parsed(text(annotations, f"{prefix}/command"))
        if command or (prefix == _INIT and text(annotations, f"{prefix}/container-image")):
            known = bool(command and _PROGRAM.fullmatch(command[0]))
            what = f"{command[0] if known else 'a command'}" if command else "the image's own command"
            rest = ", whose arguments are not shown" if len(command) > 1 or not known else ""
            yield f"{when}, in {_container(pod, prefix) or 'no container'}: {what}{rest if command else ''}"


def init_image(pod: Object) -> str:
    """The image of the init container that Velero adds to a restored pod; "" if none."""
    return text(pod, "metadata", "annotations", f"{_INIT}/container-image")


def problems(thing: Object, pod: Object) -> Iterator[str]:
    """What is wrong with the annotations of an object and of the pods that it makes."""
    of_pod = mapping(pod, "metadata", "annotations")
    for key in mapping(thing, "metadata", "annotations"):
        if key.partition("/")[0] in _KEYS and key not in of_pod:
            yield f"has the annotation {key} itself, but Velero reads those of pods: move it to the pod template"
    for key in of_pod:
        prefix, _, word = key.partition("/")
        if word not in _KEYS.get(prefix, (word,)):
            close = difflib.get_close_matches(word, _KEYS[prefix], n=1)
            yield f"has the annotation {key}, which Velero does not know{f'; is it {close[0]}?' if close else ''}"
    yield from _volume_problems(pod)
    for prefix in _WHEN:
        said = {key: value for key in _KEYS[prefix] if (value := text(of_pod, f"{prefix}/{key}"))}
        if said:
            yield from (f"has the annotation {prefix}/{problem}" for problem in _hook_problems(pod, prefix, said))


def _volume_problems(pod: Object) -> Iterator[str]:
    volumes = {text(each, "name"): each for each in items(pod, "spec", "volumes")}
    mounted = {text(mount, "name") for one in containers(pod) for mount in items(one, "volumeMounts")}
    for key in (ANNOTATION, EXCLUDED):
        for name in volumes_to_copy(pod, key):
            if name not in volumes:
                yield f"has the annotation {key} with {name}, which is no volume of its pods; {_have(volumes)}"
            elif key == ANNOTATION and at(volumes[name], "hostPath") is not None:
                yield f"has the annotation {key} with {name}, a hostPath volume, which Velero does not copy"
            elif key == ANNOTATION and name not in mounted:
                yield f"has the annotation {key} with {name}, which no container mounts, so Velero does not copy it"


def _hook_problems(pod: Object, prefix: str, said: Mapping[str, str]) -> Iterator[str]:
    base = "container-image" if prefix == _INIT else "command"
    if base not in said:
        yield f"{next(iter(said))} but no {base}, so Velero runs no hook"
    if (command := said.get("command")) and not _parsed(command):
        yield 'command, which is neither a JSON list of strings (["/bin/sh", "-c", "..."]) nor one word'
    if prefix != _INIT and not _container(pod, prefix):
        names = [text(each, "name") for each in items(pod, "spec", "containers")]
        yield f"container with {said.get('container', '')}, which is no container of its pods; {_have(names)}"
    if said.get("on-error", "Fail") not in {"Fail", "Continue"}:
        yield "on-error, which must be Fail or Continue"
    for key in ("timeout", "exec-timeout", "wait-timeout"):
        if key in said and not _DURATION.fullmatch(said[key]):
            yield f"{key}, which must be a duration like 30s or 5m"


def _container(pod: Object, prefix: str) -> str:
    """Where a hook runs; "" if the pod has no such container."""
    if prefix == _INIT:
        return text(pod, "metadata", "annotations", f"{prefix}/container-name") or "a new init container"
    names = [text(each, "name") for each in items(pod, "spec", "containers")]
    wanted = text(pod, "metadata", "annotations", f"{prefix}/container") or next(iter(names), "")
    return wanted if wanted in names else ""


def _parsed(command: str) -> tuple[str, ...]:
    """The words of a command as Velero reads them; () for what cannot run."""
    if not command.startswith("["):
        return () if not command or len(command.split()) > 1 else (command,)
    try:
        words: Json = json.loads(command)
    except (ValueError, RecursionError):
        return ()
    return tuple(map(str, words)) if isinstance(words, list) and all(isinstance(each, str) for each in words) else ()


def _have(names: Mapping[str, Json] | list[str]) -> str:
    return f"they have {', '.join(sorted(names)) or 'none'}"
