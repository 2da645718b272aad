"""Builds images concurrently: compiles, downloads and unpacks at the same time, and reports what is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from harness.clusters.images.recipes import ImageBuilder
from harness.clusters.images.versions import GoBuild, Image, LayerRecipe
from harness.core.parallel import for_each


@dataclass
class ConcurrentBuild:
    """One compilation after the other, and at the same time everything that waits for the network."""

    builder: ImageBuilder
    say: Callable[[str], None]
    _left: list[str] = field(default_factory=list)
    _failed: threading.Event = field(default_factory=threading.Event)

    def build(self, images: Sequence[Image], tools: Sequence[str] = ()) -> None:
        """Build every layer of `images`, and the programs `tools`, except those in the cache."""
        versions = self.builder.versions
        layers = [versions.layers[name] for name in dict.fromkeys(name for image in images for name in image.layers)]
        programs = dict.fromkeys([*tools, *(name for layer in layers for name in layer.programs.values())])
        compiled = {build.name: build for build in map(versions.build_of, programs)}
        builds = [build for build in compiled.values() if not self.builder.is_compiled(build)]
        unpacked = [layer for layer in layers if layer.packages and self.builder.layer(layer) is None]
        self._left = [*(build.name for build in builds), *(f"layer {layer.name}" for layer in unpacked)]
        if self._left:
            self.say(f"images: building {', '.join(self._left)} (logs: {self.builder.log('*')})")
        queues: list[Callable[[], None]] = [
            partial(self._compile, builds),
            partial(self._download, builds),
            partial(self._unpack, unpacked),
        ]
        for_each(queues, self._run)
        for layer in layers:
            self.builder.assemble(layer)

    def _run(self, queue: Callable[[], None]) -> None:
        """Run one queue; if it fails, the others end after their current item."""
        try:
            queue()
        except BaseException:
            self._failed.set()
            raise

    def _compile(self, builds: Sequence[GoBuild]) -> None:
        for build in builds:
            self._build(build.name, partial(self.builder.compile, build))

    def _download(self, builds: Sequence[GoBuild]) -> None:
        for build in builds:
            if not self._failed.is_set():
                self.builder.download(build)

    def _unpack(self, layers: Sequence[LayerRecipe]) -> None:
        for layer in layers:
            self._build(f"layer {layer.name}", partial(self.builder.assemble, layer))

    def _build(self, name: str, build: Callable[[], object]) -> None:
        if self._failed.is_set():
            return
        begun = time.monotonic()
        build()
        self._left.remove(name)
        left = ", ".join(self._left) or "nothing"
        self.say(f"images: built {name} in {time.monotonic() - begun:.0f} s; left: {left}")
