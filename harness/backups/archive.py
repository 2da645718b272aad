"""The objects of a backup's own archive, `backups/NAME/NAME.tar.gz`."""

import json
import re
import tarfile
import zlib
from collections.abc import Collection, Iterator, Mapping

from harness.backups import unzip
from harness.core.kubernetes import Object
from harness.core.model import Json

UNREADABLE = (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError)
"""What reading it may raise."""

_FILE = re.compile(r"resources/([^/]+)/(?:namespaces/([^/]+)|cluster)/([^/]+)\.json")


def objects_in(packed: bytes, kinds: Collection[str]) -> Iterator[tuple[str, str, str, Object]]:
    """Each object: the plural of its kind, its namespace, its name, and its content, {} for other kinds than these.

    UNREADABLE if the archive is damaged.
    """
    values = unzip.Values()
    for archive, member in unzip.members(packed):
        if found := _FILE.fullmatch(member.name):
            thing: Json = json.loads(values.counted(unzip.content(archive, member))) if found[1] in kinds else {}
            if not isinstance(thing, Mapping):
                raise ValueError(f"{member.name} is no object")
            yield found[1], found[2] or "", found[3], thing
