"""Recognises database products by a container's image, program, ports, variables and volumes.

The words for it are in fixtures/detect/databases.toml.
"""

import functools
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.core import resources
from harness.core.json import at, items, mapping, text
from harness.core.model import Json

UNKNOWN = "another database"
_SEPARATOR = re.compile(r"[;&|()\n]+")
_TOKEN = re.compile(r"[;&|()\n]+|[^\s;&|()]+")
_ELSEWHERE = re.compile(
    r"(?!PATRONI|REPMGR|CONSUL)(?!.*(MASTER|PRIMARY|SOURCE|ROOT|BIND)).*(HOST|URL|URI|DSN|ADDR|SERVER)"
)
"""Variables that name a server elsewhere: their container is a client."""
_CONSUL_SERVER = re.compile(r"(^|\s)-(server|bootstrap|bootstrap-expect|dev)\b(?!=false)|\bserver\"?\s*[:=]\s*true")
_TAG = re.compile(r"(?:(?:ubi|centos|rocky)\d+-)?v?(\d+)(?:\.(\d+))?(?![\da-z])")


@dataclass(frozen=True)
class Sighting:
    """A container that is a database, or perhaps one."""

    product: str  # MySQL, MariaDB, MongoDB, ...; `UNKNOWN` if nothing shows which
    kind: str  # of the datastore that can read it; "" if there is none
    container: str
    why: str
    sure: bool


@functools.cache
def vocabulary() -> Mapping[str, Json]:
    return tomllib.loads((resources.fixtures() / "detect" / "databases.toml").read_text("utf-8"))


def matches(value: str, *path: str) -> bool:
    """Whether a value is, as a whole, what the vocabulary has at `path`; never if it has nothing there."""
    pattern = text(vocabulary(), *path)
    return bool(pattern and re.fullmatch(pattern, value, re.IGNORECASE))


def seen(container: Json, volumes: Mapping[str, str], *, annotated: bool) -> Sighting | None:
    """What a container is, or perhaps is; `volumes` are those of its pod that keep files, by kind."""
    looked = _Container(container, volumes, annotated)
    product, begins, is_tool = looked.image
    if (product == "Consul" and not is_tool) or "consul" in looked.programs:
        return looked.as_consul()
    return looked.by_program() or (looked.by_image(product) if begins and not is_tool else looked.by_signs())


@dataclass(frozen=True)
class _Container:
    """A container, with the ways to recognise it."""

    manifest: Json
    volumes: Mapping[str, str]
    annotated: bool

    @functools.cached_property
    def image(self) -> tuple[str, bool, bool]:
        return _by_image(text(self.manifest, "image"))

    @functools.cached_property
    def programs(self) -> frozenset[str]:
        return frozenset(commands(words(self.manifest)))

    @functools.cached_property
    def signs(self) -> dict[str, list[str]]:
        return _signs(self.manifest, self.volumes)

    @property
    def is_client(self) -> bool:
        return bool(self.programs) and all(matches(name, "commands", "clients") for name in self.programs)

    @property
    def named(self) -> str:
        return f"image {text(self.manifest, 'image')}"

    def sighted(self, product: str, why: str, *, sure: bool = True) -> Sighting:
        return Sighting(product, _kind(product), text(self.manifest, "name"), why, sure)

    def by_program(self) -> Sighting | None:
        for product in mapping(vocabulary(), "products"):
            scripts = text(vocabulary(), "products", product, "scripts")
            run = [name for name in sorted(self.programs) if matches(name, "products", product, "programs")]
            if scripts and not self.is_client:
                run += [each[0] for each in map(re.compile(scripts).search, words(self.manifest)) if each]
            if run:
                of_image = self.image[0]  # MariaDB's program is also called mysqld
                return self.sighted(of_image if _family(of_image) == _family(product) else product, f"runs {run[0]}")
        return None

    def by_image(self, product: str) -> Sighting | None:
        of_kind = [sign for each, found in self.signs.items() if _family(each) == _family(product) for sign in found]
        if port := next((sign for sign in of_kind if sign.startswith("port ")), ""):
            return self.sighted(product, f"{self.named}, {port}")
        if self.annotated or not self.programs:
            return self.sighted(product, f"{self.named}{', has a fingerprint' if self.annotated else ''}")
        if self.is_client:  # it has the image of its server
            return None
        return self.sighted(product, f"{self.named}, {(*of_kind, f'runs {min(self.programs)}')[0]}", sure=bool(of_kind))

    def by_signs(self) -> Sighting | None:
        product, _, is_tool = self.image
        if (is_tool or self.is_client) and not self.annotated:
            return None
        signs = {each: list(found) for each, found in self.signs.items()}
        if product:
            signs.setdefault(product, []).insert(0, self.named)
        if signs:
            best = max(signs, key=lambda each: len(signs[each]))
            return self.sighted(best, ", ".join(signs[best]), sure=len(signs[best]) > 1 or self.annotated)
        last = re.split(r"[-_.]", _name(text(self.manifest, "image")))[-1]
        if self.annotated or matches(last, "images", "databases"):
            why = f"{self.named}{', has a fingerprint' if self.annotated else ''}"
            return self.sighted(UNKNOWN, why, sure=False)
        return None

    def as_consul(self) -> Sighting | None:
        """Only a server: agents on nodes and beside other programs keep nothing."""
        line = " ".join(words(self.manifest))
        variables = {text(each, "name"): text(each, "value") for each in items(self.manifest, "env")}
        mode = variables.get("CONSUL_AGENT_MODE", "")
        if _CONSUL_SERVER.search(f"{line} {variables.get('CONSUL_LOCAL_CONFIG', '')}") or mode == "server":
            return self.sighted("Consul", "runs consul as a server")
        if self.annotated or not (line or mode):
            return self.sighted("Consul", f"{self.named}{', has a fingerprint' if self.annotated else ''}")
        claims = {name for name, kind in self.volumes.items() if kind == "persistentVolumeClaim"}
        if "Consul" in _signs(self.manifest, claims) and claims and re.search(r"-config-(dir|file)", line):
            return self.sighted("Consul", "runs consul; its configuration says whether as a server", sure=False)
        return None


def words(container: Json) -> tuple[str, ...]:
    """The command line, as far as the manifest has it."""
    return tuple(map(str, (*items(container, "command"), *items(container, "args"))))


def commands(line: Iterable[str]) -> Iterator[str]:
    """The programs that a command line starts, also those that a shell's script in it starts, without their folders."""
    starts, skips = True, False
    for word in line:
        for raw in _TOKEN.findall(word) if re.search(r"\s", word) else [word]:
            token = raw.strip("\"'`")
            name = token.rstrip("/").rsplit("/", 1)[-1]
            if _SEPARATOR.fullmatch(token):
                starts, skips = True, False
            elif matches(name, "commands", "as_user") and starts:
                skips = True
            elif not starts or token.startswith("-") or not name or matches(name, "commands", "wrappers"):
                continue
            elif skips:
                skips = False
            else:
                starts = False
                yield name
        starts = starts or word == "exec"


def version(product: str, image: str) -> tuple[int, ...]:
    """The server's version as its image shows it, of one or two numbers; () if it does not."""
    name, tag = _name(image), image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[2]
    pattern = text(vocabulary(), "products", product, "version")
    if pattern and (found := re.search(pattern, f"{name}:{tag}")):
        number = found[1]
        if product == "MySQL" and re.fullmatch(r"\d\d", number):  # mysql-84
            number = ".".join(number)
        return tuple(map(int, number.split(".")))
    found = _TAG.match(tag)
    if not found or not matches(name, "products", product, "tagged"):
        return ()
    return tuple(int(each) for each in found.groups() if each)


def _by_image(image: str) -> tuple[str, bool, bool]:
    """The product in an image's name, whether the name begins with it, and whether it is a tool's or a client's."""
    name = _name(image)
    parts = re.split(r"[-_.]", name)
    if all(matches(part, "images", "generic") for part in parts):  # mysql/community-server
        parts = [*re.split(r"[-_.]", image.partition("@")[0].split("/")[-2] if "/" in image else ""), *parts]
    is_tool = any(matches(part, "images", "tools") for part in parts)
    for product in mapping(vocabulary(), "products"):
        if any(matches(part, "products", product, "images") for part in (name, *parts)):
            first = any(matches(part, "products", product, "images") for part in (name, parts[0]))
            return product, first or matches(name, "products", product, "tagged"), is_tool
    return "", False, is_tool


def _signs(container: Json, volumes: Collection[str]) -> dict[str, list[str]]:
    """By product: its port, variable and volume, as far as the container has them."""
    variables = [text(each, "name") for each in items(container, "env")]
    is_client = any(map(_ELSEWHERE.fullmatch, variables))
    mounts = [
        text(each, "mountPath")
        for each in items(container, "volumeMounts")
        if text(each, "name") in volumes and at(each, "readOnly") is not True
    ]
    signs: dict[str, list[str]] = {}
    for product, about in mapping(vocabulary(), "products").items():
        found: list[str | None] = [
            next(
                (f"port {at(port, 'containerPort')}" for port in items(container, "ports") if _is_port(product, port)),
                None,
            ),
            next((f"variable {each}" for each in variables if matches(each, "products", product, "variables")), None)
            if not is_client
            else None,
            next(
                (
                    f"volume {path}"
                    for path in mounts
                    for of in items(about, "paths")
                    if f"{path}/".startswith(f"{of}/")
                ),
                None,
            ),
        ]
        if any(found):
            signs[product] = [each for each in found if each]
    return signs


def _is_port(product: str, port: Json) -> bool:
    named = any(matches(word, "products", product, "images") for word in text(port, "name").split("-"))
    return named or at(port, "containerPort") in items(vocabulary(), "products", product, "ports")


def _kind(product: str) -> str:
    return text(vocabulary(), "products", product, "kind")


def _family(product: str) -> str:
    """The product whose programs, ports and folders it has, or its own kind."""
    return text(vocabulary(), "products", product, "like") or (product if _kind(product) else "")


def _name(image: str) -> str:
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()
