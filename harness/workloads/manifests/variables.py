"""What a database's container is told by variables, Secrets, ConfigMaps and files: users, passwords, databases."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object
from harness.core.model import Json
from harness.workloads.application import Secrets
from harness.workloads.manifests.spec import USERS, Reference
from harness.workloads.product import vocabulary

Found = tuple[str, str | Reference]
"""Where a value is said, and the value, or the Secret's key with it."""


@dataclass(frozen=True)
class Variables:
    """The variables of one container of a pod, which runs the database `product`."""

    pod: Object
    container: Json
    product: str
    secrets: Secrets
    configs: Mapping[str, Mapping[str, Json]]  # by ConfigMap

    def login(self) -> tuple[str | Reference, Reference | str | None]:
        """The administrator, and the password: the Secret's key, where it is in plain text, or None if unknown."""
        default = USERS[text(self._words, "kind")]
        for users, *passwords in self._logins():
            user = self.find(name.removeprefix("$") for name in users.split()) if users.startswith("$") else None
            limited = user is not None and self._is_limited(user)
            if (found := self.find(passwords)) and not limited:  # else the administrator's is not in the manifests
                password = found[1] if isinstance(found[1], Reference) else found[0]
                return (user[1] if user else default), password
            if limited:
                return default, None
            if user:
                return user[1], self._in_whole_secret(passwords)
        return default, self._in_whole_secret([passwords[0] for _, *passwords in self._logins()][::-1])

    def database(self) -> tuple[str, ...]:
        """The database that is created at the first start, if it is written in plain text."""
        found = self.find(map(str, items(self._words, "databases")))
        return (found[1],) if found and isinstance(found[1], str) else ()

    def is_open(self) -> bool:
        """Whether the administrator needs no password."""
        found = ((str(pattern), self.find((name,))) for name, pattern in mapping(self._words, "open").items())
        return any(each and isinstance(each[1], str) and re.fullmatch(pattern, each[1]) for pattern, each in found)

    def find(self, names: Iterable[str]) -> Found | None:
        """The first of these variables that the container has."""
        return next((found for name in names for found in self._said(name)), None)

    def _said(self, name: str) -> Iterator[Found]:
        for each in items(self.container, "env"):
            if text(each, "name") == name:
                yield from self._value(name, each)
            elif text(each, "name") == f"{name}_FILE":
                yield from ((name, file) for file in self._in_file(text(each, "value")))
        for source in items(self.container, "envFrom"):
            key = name.removeprefix(text(source, "prefix"))
            secret, config = text(source, "secretRef", "name"), text(source, "configMapRef", "name")
            if key in self.secrets.get(secret, {}):
                yield name, Reference(secret, key)
            if key in self.configs.get(config, {}):
                yield f"{name} of the ConfigMap {config}", str(self.configs[config][key])

    def _value(self, name: str, each: Json) -> Iterator[Found]:
        secret, config = (at(each, "valueFrom", source) for source in ("secretKeyRef", "configMapKeyRef"))
        value = text(each, "value")
        if secret is not None:
            yield name, Reference(text(secret, "name"), text(secret, "key"))
        elif config is not None:
            if held := text(self.configs.get(text(config, "name"), {}), text(config, "key")):
                yield f"{name} of the ConfigMap {text(config, 'name')}", held
        elif (other := re.fullmatch(r"\$\((\w+)\)", value)) and other[1] != name:
            yield from filter(None, [self.find((other[1],))])
        elif value:
            yield name, value

    def _in_file(self, path: str) -> Iterator[Reference]:
        for mount in items(self.container, "volumeMounts"):
            base = text(mount, "mountPath").rstrip("/")
            inside = path.startswith(f"{base}/")
            if not inside and path != base:
                continue
            file = path.removeprefix(f"{base}/") if inside else text(mount, "subPath")
            volume = next(
                (v for v in items(self.pod, "spec", "volumes") if text(v, "name") == text(mount, "name")), None
            )
            projected = (at(source, "secret") for source in items(volume, "projected", "sources"))
            for source in (at(volume, "secret"), *projected):
                keys = {text(each, "path"): text(each, "key") for each in items(source, "items")}
                secret = text(source, "secretName") or text(source, "name")
                if secret and (not keys or file in keys):
                    yield Reference(secret, keys.get(file, file))

    def _in_whole_secret(self, names: Iterable[str]) -> Reference | None:
        """The password's usual key in a Secret that the container takes as a whole and the manifests do not have."""
        usual = next(iter(names), "")
        for source in items(self.container, "envFrom"):
            secret = text(source, "secretRef", "name")
            if usual and secret and secret not in self.secrets:
                return Reference(secret, usual.removeprefix(text(source, "prefix")))
        return None

    def _is_limited(self, user: Found) -> bool:
        """Whether it is a user that Bitnami's and Red Hat's images create beside the administrator."""
        apart = user[0].startswith("POSTGRESQL_") or "bitnami" in text(self.container, "image")
        return apart and user[1] != USERS["postgres"]

    def _logins(self) -> list[list[str]]:
        return [list(map(str, each)) for each in items(self._words, "logins") if isinstance(each, list)]

    @property
    def _words(self) -> Json:
        return mapping(vocabulary(), "products", self.product)
