"""Reads manifests, renders them where needed, and refuses objects that no backup of a namespace contains."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from harness.core import kubernetes
from harness.core.documents import MAX_BYTES, Documents
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, name_of, namespace_of
from harness.core.model import Json
from harness.core.process import run
from harness.core.text import one_line
from harness.workloads.manifests import validation

RENDER_S = 120.0
MAX_FILES = 20_000
MAX_PROBLEMS = 20
"""More are counted, and not listed."""

MAX_CHARACTERS = 400
"""Of each problem: a name in a manifest may be of any length."""

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_FILES = (".yaml", ".yml", ".json")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/-]{0,252}")

HOOK = "helm.sh/hook"
"""The annotation of objects that Helm creates at a given event."""

_AT_INSTALL = frozenset({"pre-install", "post-install"})


@dataclass(frozen=True)
class Manifests:
    namespace: str  # "" if none is known
    objects: tuple[Object, ...]  # that an install creates
    later: tuple[Object, ...] = ()  # of other Helm hooks: tests, upgrades, deletions
    left_out: tuple[str, ...] = ()  # objects and files
    files: Mapping[str, str] = field(default_factory=dict)  # by KIND NAME


def is_chart(path: Path) -> bool:
    return (path / "Chart.yaml").is_file()


def read(
    path: Path,
    namespace: str | None,
    *,
    chart: bool = False,
    release: str = "",
    values: Iterable[Path] = (),
    leave_out: Sequence[str] = (),
    added: frozenset[tuple[str, str]] | None = frozenset(),
) -> Manifests:
    """Everything in a chart, a kustomization, a folder of YAML files, or one file. Misconfigured, with all problems.

    Without a `namespace` it is the one that most objects name. `leave_out` has objects as KIND/NAME, and files; both
    may have wildcards. For `added` see `validation.problems`.
    """
    found = _Found(path, tuple(leave_out))
    if chart:
        found.add(str(path), of_chart(path, values, release, namespace or release))
    else:
        found.add_path()
    named = Counter(filter(None, map(_namespace, found.objects.values())))
    namespace = namespace or (min(named, key=lambda each: (-named[each], each)) if named else "")
    found.check(namespace, added)
    kept: list[Object] = []
    later: list[Object] = []
    for thing in found.objects.values():
        (later if _is_later(thing) else kept).append(thing)
    return Manifests(namespace, tuple(kept), tuple(later), tuple(found.left_out), found.files)


def of_path(path: Path) -> tuple[Object, ...]:
    """Every object of a kustomization, of a folder of YAML files, or of one file, of any kind. Misconfigured."""
    found = _Found(path, ())
    found.add_path()
    found.refuse()
    return tuple(found.objects.values())


def read_first(paths: Iterable[Path]) -> tuple[Object, ...]:
    """What is installed before an application: any kind, in any namespace. Misconfigured."""
    return tuple(thing for path in paths for thing in of_path(path))


class _Found:
    """Objects that were read so far, and all problems with them and their files."""

    def __init__(self, path: Path, leave_out: tuple[str, ...]) -> None:
        self.objects: dict[str, Object] = {}
        self.files: dict[str, str] = {}
        self.left_out: dict[str, None] = {}
        self._path, self._leave_out = path, leave_out
        self._used: set[str] = set()
        self._documents = Documents()
        self._problems: list[str] = []
        self._foreign: list[str] = []  # what could be left out

    def add_path(self) -> None:
        """Everything of a kustomization, of a folder with its sub-folders, or of one file."""
        path = self._path
        if path.is_file():
            self._add_file(path, path.name)
        elif not path.is_dir():
            raise Misconfigured(f"{path} does not exist; set `manifests` to a folder or file of manifests")
        elif any((path / name).is_file() for name in _KUSTOMIZATIONS):
            self.add(str(path), _kustomized(path))
        else:
            for number, file in enumerate(self._walk(path)):
                if number >= MAX_FILES:
                    raise Misconfigured(f"{path} has more than {MAX_FILES} files; name the folder of the manifests")
                if file.suffix in _FILES and file.is_file():
                    self._add_file(file, str(file.relative_to(path)))

    def add(self, file: str, content: bytes) -> None:
        """Every object in the text of a file."""
        try:
            for document in self._documents.read(content, file):
                for thing in _listed(document):
                    self._add_object(file, thing)
        except Misconfigured as error:
            self._problems.append(str(error))

    def check(self, namespace: str, added: frozenset[tuple[str, str]] | None) -> None:
        """Misconfigured, with all problems of all objects."""
        if why := validation.namespace_problem(namespace):
            self._problems.insert(0, why)
        for key, thing in self.objects.items():
            for each in () if _is_later(thing) else validation.problems(thing, namespace, added):
                self._problems.append(f"{self.files[key]}: {key} {each.why}")
                if each.foreign:
                    self._foreign.append(key.replace(" ", "/"))
        if unused := [each for each in self._leave_out if each not in self._used]:
            self._problems.append(f"there is no object or file {', '.join(unused)} to leave out")
        self.refuse()

    def refuse(self) -> None:
        """Misconfigured, with all problems so far."""
        if not self.objects and not self._problems:
            raise Misconfigured(f"{self._path} has no manifests: no object in a .yaml, .yml or .json file")
        if self._problems:
            listed = "; ".join(one_line(each)[:MAX_CHARACTERS] for each in self._problems[:MAX_PROBLEMS])
            listed += f"; and {more} more" if (more := len(self._problems) - MAX_PROBLEMS) > 0 else ""
            hint = f"; {_hint(list(dict.fromkeys(self._foreign)))}" if self._foreign else ""
            raise Misconfigured(f"{self._path} cannot be drilled: {listed}{hint}")

    def _walk(self, path: Path) -> Iterator[Path]:
        for folder, folders, files in os.walk(path):
            here = Path(folder)
            folders[:] = sorted(each for each in folders if not each.startswith(".") and not self._omits(here / each))
            if here != path and any((here / name).is_file() for name in (*_KUSTOMIZATIONS, "Chart.yaml")):
                name = str(here.relative_to(path))
                self._problems.append(
                    f"{name} is a Helm chart or a kustomization inside of a folder of manifests; render it, or leave "
                    f"the folder out"
                )
                self._foreign.append(f"{name}/")
                folders.clear()
                continue
            yield from (here / each for each in sorted(files) if not self._omits(here / each))

    def _omits(self, file: Path) -> bool:
        return self._leaves_out(str(file.relative_to(self._path)))

    def _leaves_out(self, name: str) -> bool:
        found = {each for each in self._leave_out if fnmatchcase(name, each.removesuffix("/"))}
        self._used |= found
        if found:
            self.left_out[name] = None
        return bool(found)

    def _add_file(self, file: Path, name: str) -> None:
        try:
            with file.open("rb") as opened:
                self.add(name, opened.read(MAX_BYTES + 1))
        except OSError as error:
            self._problems.append(f"{name} cannot be read: {error.strerror}")

    def _add_object(self, file: str, thing: Json) -> None:
        words = [at(thing, "apiVersion"), at(thing, "kind"), at(thing, "metadata", "name")]
        named = all(isinstance(each, str) and _NAME.fullmatch(each) for each in words)
        if not isinstance(thing, Mapping) or not named:
            self._problems.append(
                f"{file} has a document that is not a Kubernetes object: no valid apiVersion, kind or name; "
                "correct it, or leave the file out"
            )
            self._foreign.append(file)
            return
        key = f"{words[1]} {words[2]}"
        if self._leaves_out(f"{words[1]}/{words[2]}"):
            return
        if key in self.objects:
            where = f"in {self.files[key]} and in {file}" if self.files[key] != file else f"in {file} twice"
            self._problems.append(f"{key} is {where}; remove one")
        self.objects[key], self.files[key] = thing, file


def of_chart(chart: Path, values: Iterable[Path], name: str, namespace: str) -> bytes:
    """A Helm chart, rendered with this machine's helm. Misconfigured."""
    options = [f"--values={value}" for value in values]
    command = ["template", name, str(chart), f"--namespace={namespace}", *options]
    if not is_chart(chart):
        raise Misconfigured(f"{chart} is not a Helm chart: it has no Chart.yaml")
    helm = shutil.which("helm")
    if helm is None:
        raise Misconfigured(
            f"helm is not installed, and is needed to render {chart}; install it, or run "
            f'`helm {" ".join(command)} > rendered.yaml` elsewhere, and write manifests = "rendered.yaml" '
            "in place of `chart`"
        )
    # helm takes no cluster to serve kinds that are not asked for, and charts then write versions that are long gone.
    return _rendered(chart, [helm, *command, *(f"--api-versions={each}" for each in validation.served())])


def _kustomized(path: Path) -> bytes:
    elsewhere = f'`kubectl kustomize {path} > rendered.yaml` elsewhere, and write manifests = "rendered.yaml"'
    program = kubernetes.find_kubectl(f" and is needed to render {path}; or run {elsewhere}")
    return _rendered(path, [str(program), "kustomize", str(path)])


def _rendered(path: Path, command: list[str]) -> bytes:
    try:
        return run(command, within_s=RENDER_S).stdout.encode()
    except ToolFailed as error:
        raise Misconfigured(f"{path} cannot be rendered: {' '.join(error.tail.split())}") from error


def _listed(document: Json) -> Iterator[Json]:
    if isinstance(at(document, "items"), list) and text(document, "kind").endswith("List"):
        for each in items(document, "items"):
            yield from _listed(each)
    elif document is not None:
        yield document


def _is_later(thing: Object) -> bool:
    """Whether Helm does not create it at an install."""
    events = {word.strip() for word in text(thing, "metadata", "annotations", HOOK).split(",")} - {""}
    return bool(events) and not events & _AT_INSTALL


def _namespace(thing: Object) -> str:
    """The namespace that an object is in, or is; "" if it does not say."""
    return name_of(thing) if text(thing, "kind") == "Namespace" else namespace_of(thing)


def _hint(foreign: Sequence[str]) -> str:
    named = ", ".join(f'"{each}"' for each in foreign[:MAX_PROBLEMS])
    return (
        f"leave out what the drill does not need (leave_out = [{named}] in the application file, or --leave-out), and "
        "install what it needs around it first (install_first, or --install-first)"
    )
