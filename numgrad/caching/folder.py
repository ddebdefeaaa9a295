"""A folder of machine code on disk: files found by their keys, and who may have written them.

A file is written aside and renamed, so that a reader sees all of it or none, whoever else writes.
It holds a digest of itself, so that half of one is none. A folder or a file that anyone but its
owner, the user or the system's administrator, can write to may hold anything, and nothing of it is
read.
"""

import hashlib
import json
import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from numba import config
from numba.misc.appdirs import AppDirs

LIMIT_VARIABLE = "NUMGRAD_CACHE_LIMIT"  # of the environment: bytes of all files together
LIMIT = 1 << 30
MAGIC = b"derivative of numgrad, 1\n"
ENDING, ASIDE = ".derivative", ".aside"
DIGEST_BYTES = 32
DAY = 86400.0
_told: set[str] = set()  # paths that are not trusted, and have been named


@dataclass(frozen=True)
class Entry:
    """A file of the folder."""

    path: Path
    label: str  # what it holds
    size: int
    used: float  # when it was last found, to a day

    @property
    def is_whole(self) -> bool:
        return bool(self.label)


def folder() -> Path:
    """The folder of this process: where Numba is told to cache, or the user's own cache folder."""
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR, "numgrad")
    return Path(AppDirs(appname="numgrad", appauthor=False).user_cache_dir)


def limit() -> int:
    """The most bytes that the files may take together."""
    given = os.environ.get(LIMIT_VARIABLE, str(LIMIT))
    if not given.isdecimal():
        raise ValueError(f"{LIMIT_VARIABLE} must be a number of bytes, not {given!r}")
    return int(given)


def file_name(label: str, key: bytes) -> str:
    """Return the name of the file of a key, which begins with what a reader of the folder knows."""
    readable = re.sub(r"\W+", "_", label, flags=re.ASCII).strip("_")[:40]
    return f"{readable}-{key.hex()}{ENDING}"


def load(name: str, key: bytes) -> bytes | None:
    """Return what was saved under a key, or None."""
    path = folder() / name
    try:
        if not is_trusted(path.parent):
            return None
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not is_owned(path, status):
                return None
            content = file.read()
    except OSError:  # there is none, or it can't be read
        return None
    found = taken_apart(content)
    if found is None or found[1] != key:
        remove(path)
        return None
    if time.time() - status.st_mtime > DAY:  # not at each use: many processes share a file system
        with suppress(OSError):
            os.utime(path)
    return found[2]


def save(name: str, label: str, key: bytes, data: bytes) -> bool:
    """Save something under a key, if the disk lets us; return whether it did."""
    most = limit()
    content = put_together(label, key, data)
    place = folder()
    aside = None
    try:
        os.makedirs(place, mode=0o700, exist_ok=True)
        if len(content) > most or not is_trusted(place):
            return False
        number, aside = mkstemp(ENDING + ASIDE, dir=place)
        with open(number, "wb") as file:
            file.write(content)
        os.replace(aside, place / name)
    except OSError:  # a full disk, or a folder that can't be written to
        if aside is not None:
            remove(Path(aside))
        return False
    evict(place, most)
    return True


def put_together(label: str, key: bytes, data: bytes) -> bytes:
    head = json.dumps({"label": label, "key": key.hex()}).encode() + b"\n"
    return MAGIC + hashlib.sha256(head + data).digest() + head + data


def taken_apart(content: bytes) -> tuple[str, bytes, bytes] | None:
    """Return the label, the key and the data of a file, or None if it is broken."""
    if not content.startswith(MAGIC):
        return None
    begin = len(MAGIC) + DIGEST_BYTES
    rest = content[begin:]
    if hashlib.sha256(rest).digest() != content[len(MAGIC) : begin]:
        return None
    head, _, data = rest.partition(b"\n")
    stated: dict[str, Any] = json.loads(head)
    return stated["label"], bytes.fromhex(stated["key"]), data


def remove(path: Path) -> None:
    with suppress(OSError):
        os.unlink(path)


def evict(place: Path, most: int) -> None:
    """Remove what was used least recently while there is too much, and what was left half done."""
    files, total = [], 0
    for path, status in files_in(place):
        if path.name.endswith(ASIDE):
            if time.time() - status.st_mtime > DAY:
                remove(path)
            continue
        files.append((status.st_mtime, status.st_size, path))
        total += status.st_size
    for _, size, path in sorted(files):
        if total <= most:
            return
        remove(path)
        total -= size


def files_in(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the files of the folder that are ours to remove."""
    with suppress(OSError), os.scandir(place) as found:
        for each in found:
            if each.name.endswith((ENDING, ENDING + ASIDE)):
                with suppress(OSError):  # another process has just removed it
                    yield Path(each.path), each.stat(follow_symlinks=False)


def entries() -> list[Entry]:
    """The files of the folder, those that were used last first."""
    found = []
    for path, status in files_in(folder()):
        if path.name.endswith(ENDING):
            content = None
            with suppress(OSError):
                content = taken_apart(path.read_bytes())
            label = "" if content is None else content[0]
            found.append(Entry(path, label, status.st_size, status.st_mtime))
    return sorted(found, key=lambda entry: entry.used, reverse=True)


def clear() -> int:
    """Remove all files; return how many."""
    paths = [path for path, _ in files_in(folder())]
    for path in paths:
        remove(path)
    return len(paths)


def is_trusted(place: Path) -> bool:
    """Whether nobody else can put files into a folder."""
    return is_owned(place, os.stat(place))


def is_owned(path: Path, status: os.stat_result) -> bool:
    """Whether the user or the administrator owns a file, and nobody else can write to it."""
    if not hasattr(os, "geteuid"):  # Windows, where the user's folders are the user's alone
        return True
    if status.st_uid in (os.geteuid(), 0) and not status.st_mode & 0o022:
        return True
    if str(path) not in _told:
        _told.add(str(path))
        warnings.warn(
            f"{path} could have been written by others, so that numgrad loads no derivatives from "
            "there: let it be yours, and writable for you alone (chmod go-w)",
            stacklevel=2,
        )
    return False
