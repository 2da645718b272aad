"""Which kubeconfigs the client can use exactly as kubectl does. kubectl itself serves all others."""

import base64
import os
import urllib.request
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlparse

import yaml
from kubernetes.client import Configuration
from kubernetes.client.rest import should_bypass_proxies
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import load_kube_config_from_dict

from harness.core.json import items, mapping, text
from harness.core.model import Json

_CLUSTER = {
    *("server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"),
    *("tls-server-name", "disable-compression", "extensions"),
}
_USER = {"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile"}
"""What is understood. Not: plug-ins (`exec`, `auth-provider`), which run programs or log in, `as`, `proxy-url`."""

_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Access:
    """How to reach one cluster, and the namespace that its context names."""

    configuration: Configuration
    namespace: str
    files: tuple[int, ...]  # open files in memory, which the configuration names


def access(file: Path, context: str) -> Access | None:
    """By the context, or the current one if it is "". None where only kubectl knows the way."""
    try:
        content = cast("Json", yaml.safe_load(file.read_text(encoding="utf-8")))
        place = _only(content, "contexts", "context", context or text(content, "current-context"))
        cluster = _only(content, "clusters", "cluster", text(place, "cluster"))
        user = _only(content, "users", "user", text(place, "user")) if text(place, "user") else {}
    except (OSError, ValueError, yaml.YAMLError):
        return None
    server = urlparse(text(cluster, "server"))
    if (
        not set(cluster) <= _CLUSTER
        or not set(user) <= _USER
        or server.scheme not in {"http", "https"}
        or not server.hostname
    ):
        return None
    if "tokenFile" in user:  # kubectl prefers it, the client would not
        user.pop("token", None)
    files = [*_in_memory(cluster), *_in_memory(user)]
    for part in (cluster, user):
        part.update({key: str(file.parent / text(part, key)) for key in _FILES if text(part, key)})
    known = {
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": user}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    configuration = Configuration()
    try:
        load_kube_config_from_dict(known, client_configuration=configuration, persist_config=False)
    except (ConfigException, OSError, ValueError):
        return None
    if not _direct(configuration, server.hostname):
        return None
    found = Access(configuration, text(place, "namespace") or "default", tuple(files))
    weakref.finalize(found, _close, found.files)
    return found


def _only(content: Json, kinds: str, kind: str, name: str) -> dict[str, Json]:
    """The one entry of this name. ValueError if there is none, or more."""
    (found,) = (each for each in items(content, kinds) if text(each, "name") == name)
    return dict(mapping(found, kind))


def _in_memory(part: dict[str, Json]) -> list[int]:
    """Replace keys and certificates by files in memory; the client would leave files behind if it is killed."""
    files = []
    for key in [key for key in part if key.endswith("-data")] if hasattr(os, "memfd_create") else ():
        content, name = base64.b64decode(text(part, key)), key.removesuffix("-data")
        if content:
            del part[key]
            files.append(os.memfd_create(name))
            os.write(files[-1], content)
            part[name] = f"/proc/self/fd/{files[-1]}"
    return files


def _close(files: Iterable[int]) -> None:
    for file in files:
        os.close(file)


def _direct(configuration: Configuration, host: str) -> bool:
    """Whether no proxy is on the way. As for kubectl, none is on the way to this machine."""
    if not configuration.proxy:
        return True
    local = host in _LOOPBACK
    if local or should_bypass_proxies(configuration.host, urllib.request.getproxies().get("no") or ""):
        configuration.no_proxy = "*"
        return True
    return False
