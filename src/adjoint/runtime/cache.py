"""The disk cache: what was compiled once need not be compiled by the next process.

Enters: a kind, a key and bytes.  Leaves: the same bytes, in this or another process, or None.

The cache never harms and never fails: what is damaged, foreign, of another version or unreadable
is a miss, and is built again; what cannot be written is not kept.

- *Place.*  A directory `adjoint` inside `$ADJOINT_CACHE`, or else inside the user's cache
  directory.  `ADJOINT_CACHE=off` switches the cache off.
- *Trust.*  Machine code runs, and a pickled plan may run whatever it likes when it is read, so
  whoever can write an entry can take over the process.  The directory is therefore the user's own
  (0700, entries 0600), and its owner and rights are checked before use, those of each entry again
  on the open file, without following links.  Then an entry can only come from somebody who may
  act as this user anyway.  A directory that fails is not used, with one warning.  Systems that
  have no owners to ask (Windows) keep user profiles private, so the directory must lie in one.
- *Checks.*  The checksum (BLAKE2b over header and payload) is against damage, not against malice:
  a secret key for it would have to lie beside it.  File names hold 160 bits of the key's digest,
  the header all 256, so a shortened name cannot answer for another key.
- *Key.*  The digest of `environment()` and of the caller's key.  Whoever compiles for another
  processor than this one says so in the key.
- *Many processes.*  An entry is written to a file of its own and moved into place: readers see all
  of it or none.  Nothing is locked.
- *Size.*  At most `limit` bytes (in blocks of 4 KiB), overshot by a few per cent between two
  sweeps.  A write starts a sweep with a probability of 64 times its share of the limit: so a
  sweep comes once for each 64th of the limit written, by however many processes, and nobody
  counts.  A sweep deletes what was least recently used, down to 7/8 of the limit.  A hit
  renews an entry's time if that is over an hour old.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import platform
import re
import stat
import sys
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import numpy as np

from ..codegen.targets import host

KINDS = {"object": 1, "plan": 2}  # machine code; a program's plan
MAGIC = b"adjoint\n"
VERSION = 1
HEADER = Struct("<8s32sHHQ32s")  # magic, checksum of all behind it, version, kind, length, key
CHECKED = 8 + 32  # where the checked part begins
LIMIT = 256 << 20
BLOCK = 4096
SHARE = 64  # sweeps for each time that the limit is written
RENEWED = 3600  # seconds after which a hit renews an entry's time
ABANDONED = 3600  # seconds after which a file that was never moved into place is deleted
NAME = re.compile(r"(object|plan)-[0-9a-f]{40}|writing-[0-9a-f]{16}")
DAMAGE = {errno.ELOOP, errno.EACCES, errno.ENXIO, errno.EMLINK}  # of one file, for good

BINARY = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
READ = os.O_RDONLY | BINARY | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not make us wait
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY


class Entry(NamedTuple):
    """A file of the cache, least recently used first."""

    rank: float
    time: float  # when it was last used
    size: int
    path: str


class Cache:
    """A store of bytes in a directory, `None` for a store that keeps nothing."""

    def __init__(
        self, directory: str | os.PathLike[str] | None, environment: str = "", limit: int = LIMIT
    ) -> None:
        self.directory = None if directory is None else Path(directory)
        self.limit = limit
        self._usable: bool | None = False if directory is None else None  # None: not looked at
        self._folder = os.path.join("" if directory is None else os.fspath(directory), "")
        inner = blake2b(environment.encode("utf-8", "surrogatepass")).digest()
        self._digest = blake2b(inner, digest_size=32, person=b"adjoint cache")

    def __repr__(self) -> str:
        return f"Cache({str(self.directory) if self.directory else None!r})"

    def get(self, kind: str, key: bytes | str) -> bytes | None:
        """The payload kept under a key, None if there is none to be trusted."""
        if not self._usable and not self._look(create=False):
            return None
        digest = self._key(kind, key)
        path = self._path(kind, digest)
        try:
            file = os.open(path, READ)
        except OSError as error:
            if error.errno in DAMAGE:
                remove(path)
            return None
        try:
            status = os.fstat(file)
            content = read(file, status, self.limit)
        except OSError:
            return None
        finally:
            os.close(file)
        payload = None if content is None else unwrap(content, kind, digest)
        if payload is None:
            remove(path)
        elif time.time() - status.st_mtime > RENEWED:
            try:
                os.utime(path, follow_symlinks=os.utime not in os.supports_follow_symlinks)
            except (OSError, NotImplementedError):
                pass
        return payload

    def obtain(self, kind: str, key: bytes | str, make: Callable[[], bytes]) -> bytes:
        """The payload kept under a key, or the one that `make` makes, which is then kept."""
        payload = self.get(kind, key)
        if payload is None:
            payload = make()
            self.put(kind, key, payload)
        return payload

    def put(self, kind: str, key: bytes | str, payload: bytes) -> bool:
        """Keeps a payload under a key; tells whether it could."""
        digest = self._key(kind, key)
        size = blocks(HEADER.size + len(payload))
        if size * 4 > self.limit or not self._look(create=True):
            return False
        token = os.urandom(8)  # not `random`, whose state is the user's
        temporary = self._folder + "writing-" + token.hex()
        try:
            write(temporary, wrap(kind, digest, payload))
            os.replace(temporary, self._path(kind, digest))
        except OSError:
            remove(temporary)
            return False
        except BaseException:  # an interrupt
            remove(temporary)
            raise
        if int.from_bytes(token, "little") * self.limit < size * SHARE << 64:
            self.sweep()
        return True

    def size(self) -> int:
        """Bytes on disk, in blocks of 4 KiB."""
        return sum(entry.size for entry in self._entries())

    def clear(self) -> int:
        """Deletes all entries; tells how many there were."""
        return sum(remove(entry.path) for entry in self._entries())

    def sweep(self) -> None:
        """Deletes what was least recently used if the limit is passed, and abandoned files."""
        entries, now = self._entries(), time.time()
        total = sum(entry.size for entry in entries)
        goal = self.limit - self.limit // 8 if total > self.limit else self.limit
        for entry in sorted(entries):
            if os.path.basename(entry.path).startswith("writing-"):
                if now - entry.rank < ABANDONED:
                    continue
            elif total <= goal:
                continue
            try:
                if os.lstat(entry.path).st_mtime != entry.time or not remove(entry.path):
                    continue  # another process has renewed it meanwhile, or keeps it open
            except OSError:  # another process has deleted it meanwhile
                pass
            total -= entry.size

    def _entries(self) -> list[Entry]:
        """Every file of the cache."""
        found: list[Entry] = []
        if not self._look(create=False):
            return found
        ahead = time.time() + 60  # a time in the future tells nothing: such an entry goes first
        try:
            with os.scandir(self._folder) as listing:
                for entry in listing:
                    if NAME.fullmatch(entry.name):
                        try:
                            status = entry.stat(follow_symlinks=False)
                        except OSError:  # deleted by another process meanwhile
                            continue
                        when = status.st_mtime
                        rank = when if when < ahead else 0.0
                        found.append(Entry(rank, when, blocks(status.st_size), entry.path))
        except OSError:
            pass
        return found

    def _key(self, kind: str, key: bytes | str) -> bytes:
        """All 256 bits that an entry is known by."""
        if kind not in KINDS:
            raise ValueError(f"a cache entry of kind {kind!r}; the kinds are {', '.join(KINDS)}")
        digest = self._digest.copy()
        digest.update(kind.encode() + b"\0")
        digest.update(key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key)
        return digest.digest()

    def _path(self, kind: str, digest: bytes) -> str:
        return f"{self._folder}{kind}-{digest.hex()[:40]}"

    def _look(self, create: bool) -> bool:
        """Whether the directory is there and can be trusted."""
        if self._usable is False or self.directory is None:
            return False
        try:
            status = os.lstat(self.directory)
            if stat.S_ISLNK(status.st_mode) and own(status):
                status = os.stat(self.directory)
        except OSError:
            if not create:
                return False  # it may come into being
            try:
                make_directory(self.directory)
                status = os.lstat(self.directory)
            except OSError:  # a read-only or full disk, no home
                return False
        if reason := distrust(self.directory, status):
            self._usable = False
            warnings.warn(
                f"the disk cache {self.directory} is not used: {reason}. Remove it, or name"
                " another directory by the environment variable ADJOINT_CACHE ('off' for none)",
                RuntimeWarning,
                stacklevel=3,
            )
            return False
        self._usable = True
        return True


def default() -> Cache:
    """The cache of this user, as the environment variables say."""
    names = ("ADJOINT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA", "HOME")
    return opened(*(os.environ.get(name, "") for name in names))


@lru_cache(maxsize=8)
def opened(setting: str, *_places: str) -> Cache:
    """One cache for each state of the environment variables."""
    directory = place(setting)
    try:
        return Cache(directory, environment() if directory else "")
    except OSError:  # a package without files: nothing tells its version
        return Cache(None)


def place(setting: str) -> Path | None:
    """The cache's directory, from what `ADJOINT_CACHE` holds."""
    if setting.strip().lower() == "off":
        return None
    try:
        if setting:
            return Path(setting).expanduser().absolute() / "adjoint"
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME", ""))
            if not base.is_absolute():  # as the XDG specification wants it
                base = Path.home() / ".cache"
    except RuntimeError:  # no home
        return None
    return base / "adjoint" if base.is_absolute() else None


# ---- entries ----


def wrap(kind: str, digest: bytes, payload: bytes) -> bytes:
    """A payload behind its header."""
    checked = HEADER.pack(b"", b"", VERSION, KINDS[kind], len(payload), digest)[CHECKED:] + payload
    return MAGIC + blake2b(checked, digest_size=32).digest() + checked


def unwrap(content: bytes, kind: str, digest: bytes) -> bytes | None:
    """The payload, None if anything is wrong."""
    if len(content) < HEADER.size:
        return None
    magic, checksum, version, number, length, key = HEADER.unpack_from(content)
    if (magic, version, number, key) != (MAGIC, VERSION, KINDS[kind], digest):
        return None
    if length != len(content) - HEADER.size:
        return None
    if blake2b(memoryview(content)[CHECKED:], digest_size=32).digest() != checksum:
        return None
    return content[HEADER.size :]


def read(file: int, status: os.stat_result, limit: int) -> bytes | None:
    """All of an open file, None if it is not one of this user's own."""
    if not stat.S_ISREG(status.st_mode) or not HEADER.size <= status.st_size <= limit:
        return None
    if not own(status) or open_to_others(status):
        return None
    content = os.read(file, status.st_size + 1)
    while content and len(content) < status.st_size:
        if not (more := os.read(file, status.st_size - len(content))):
            break
        content += more
    return content


def write(path: str, content: bytes) -> None:
    """A new file that only its owner may read."""
    file = os.open(path, CREATE, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(file, 0o600)  # whatever the umask
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def remove(path: str) -> bool:
    """Deletes a file; tells whether it did."""
    try:
        os.unlink(path)
    except OSError:  # gone, or in use (Windows)
        return False
    return True


def blocks(size: int) -> int:
    """Bytes rounded up to blocks."""
    return -(-size // BLOCK) * BLOCK


# ---- trust ----


def own(status: os.stat_result) -> bool:
    """Whether a file belongs to the user who asks (true where files have no owners)."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def open_to_others(status: os.stat_result) -> bool:
    """Whether others may write (false where rights are kept in other ways)."""
    return hasattr(os, "geteuid") and bool(status.st_mode & 0o022)


def distrust(directory: Path, status: os.stat_result) -> str:
    """Why a directory must not be used, "" if it may."""
    if not stat.S_ISDIR(status.st_mode):
        return "it is not a directory of this user's own"
    if not own(status):
        return f"it belongs to another user ({status.st_uid}, not {os.geteuid()})"
    if open_to_others(status):
        return f"others may write to it (its rights are {stat.S_IMODE(status.st_mode):o})"
    if not hasattr(os, "geteuid"):
        home = Path.home().resolve()
        if not directory.resolve().is_relative_to(home):
            return f"on this system it cannot be checked to be private outside of {home}"
    elif status.st_mode & 0o077:  # others may look: not into entries, but they need not
        try:
            os.chmod(directory, 0o700)
        except OSError:
            pass
    return ""


def make_directory(directory: Path) -> None:
    """Creates a directory and those above it, for this user only."""
    for path in reversed([directory, *directory.parents]):
        if not path.exists():
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:  # another process was quicker
                continue
            os.chmod(path, 0o700)  # whatever the umask


# ---- what compiled code depends on ----


@lru_cache(maxsize=1)
def environment() -> str:
    """What machine code and plans depend on, besides what they were compiled from.

    That is the processor, the system, Python, NumPy (entries read the insides of their objects),
    LLVM and this package's source.  No part of it loads LLVM: a process that finds all its code
    in the cache never does.  Raises `OSError` where there are no source files to look at.
    """
    parts = [
        *(processor(), sys.platform, platform.machine(), sys.byteorder, str(sys.maxsize)),
        *(sys.implementation.cache_tag or "", sys.version, getattr(sys, "abiflags", "")),
        *(np.__version__, *toolchain(), *source()),
    ]
    return "\0".join(parts)


def processor() -> str:
    """The processor's name and features: from the kernel on Linux, otherwise from LLVM."""
    wanted = (
        *("vendor_id", "cpu family", "model", "model name", "stepping", "flags"),
        *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
    )
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            first = file.read(16384).split("\n\n", 1)[0]
    except OSError:
        first = ""
    rows = [line.split(":", 1) for line in first.splitlines() if ":" in line]
    found = {name.strip(): value.strip() for name, value in rows}
    if "flags" not in found and "Features" not in found:
        return host().fingerprint
    return "|".join(found.get(name, "") for name in wanted)


def toolchain() -> list[str]:
    """Which LLVM this is: the identity of llvmlite's version file and shared library."""
    spec = importlib.util.find_spec("llvmlite")
    if spec is None or spec.origin is None:
        return ["none"]
    folder = os.path.dirname(spec.origin)
    libraries = ("libllvmlite.so", "libllvmlite.dylib", "llvmlite.dll")
    files = ["_version.py", *(os.path.join("binding", name) for name in libraries)]
    return [identity(folder, name) for name in files if os.path.exists(os.path.join(folder, name))]


def source() -> list[str]:
    """The identity of this package's source files, the tour aside, which generates no code.

    Their contents would take some 5 ms to read at the start of each process, their status takes a
    tenth.  A change time, unlike a modification time, cannot be set by tools that unpack or copy;
    at worst, equal source is taken for different.
    """
    root = str(Path(__file__).parents[1])
    found = []
    for folder, folders, files in os.walk(root, onerror=lambda error: raise_(error)):
        folders[:] = sorted(f for f in folders if f not in ("__pycache__", "tour"))
        found += [identity(folder, name) for name in sorted(files) if name.endswith(".py")]
    if not found:
        raise OSError(f"no source files in {root}")
    return found


def raise_(error: OSError) -> None:
    raise error


def identity(folder: str, name: str) -> str:
    """Path, size and times of a file."""
    path = os.path.join(folder, name)
    status = os.stat(path)
    return f"{path}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
