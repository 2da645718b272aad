"""The bundle: one file with a whole signed run in it, for who was not there."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from pathlib import Path

from harness.core.errors import HarnessError, Misconfigured, Unreadable
from harness.evidence.signing import attestation
from harness.evidence.signing.files import CHUNK, Bundle, Directory

_SAME_TIME = (1980, 1, 1, 0, 0, 0)  # what a bundle says of times is in what was signed


def pack(run: Path, bundle: Path) -> attestation.Verified:
    """Write the run directory into the new file `bundle`, and return what verifying that file came to.

    Misconfigured if `bundle` is there already or cannot be written; HarnessError, and no file, if the run is not as it
    was signed.
    """
    if bundle.exists():
        raise Misconfigured(f"{bundle} is there already; remove it, or choose another name with --out")
    files = Directory(run)
    beside = bundle.with_name(f".{bundle.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(beside, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for name in sorted(files.names()):
                member = zipfile.ZipInfo(f"{run.name}/{name}", _SAME_TIME)
                member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
                with files.open(name) as file, packed.open(member, "w", force_zip64=True) as into:
                    shutil.copyfileobj(file, into, CHUNK)
        found = attestation.verify(Bundle(beside))
        if found.problems:
            raise HarnessError(f"{run} is not as it was signed: {'; '.join(found.problems[:3])}")
        beside.rename(bundle)
    except Unreadable:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Misconfigured(f"cannot write {bundle}: {why}; choose another place with --out") from error
    finally:
        beside.unlink(missing_ok=True)
    return found


def unpack(bundle: Path, run: Path) -> None:
    """Write the files of a bundle that was verified into the new folder `run`. Unreadable names a broken one."""
    files = Bundle(bundle)
    for name in sorted(files.names()):
        into = run / name
        into.parent.mkdir(parents=True, exist_ok=True)
        try:
            with files.open(name) as file, into.open("xb") as written:
                shutil.copyfileobj(file, written, CHUNK)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise Unreadable(bundle, 0, f"{name} cannot be read: {error}") from error
