"""The disk cache: what it keeps, whom it trusts, and that nothing harms it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import adjoint
from adjoint.runtime import cache
from adjoint.runtime.cache import HEADER, Cache

SOURCE = str(Path(adjoint.__file__).parents[1])
PATHS = os.pathsep.join([SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])])
POSIX = hasattr(os, "geteuid")
posix = pytest.mark.skipif(not POSIX, reason="rights are kept in other ways here")
PAYLOAD = bytes(range(256)) * 20
KEY = "loop i < n: y[i] = exp(x[i])"


@pytest.fixture
def store(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache" / "adjoint", "environment")


def entry_of(store: Cache) -> Path:
    """The only entry's file."""
    assert store.directory is not None
    (found,) = store.directory.iterdir()
    return found


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ---- what is kept ----


@pytest.mark.parametrize("payload", [b"", b"x", PAYLOAD, os.urandom(1 << 20)], ids=len)
@pytest.mark.parametrize("kind", ["object", "plan"])
def test_what_was_put_comes_back(store: Cache, kind: str, payload: bytes) -> None:
    assert store.get(kind, KEY) is None
    assert store.put(kind, KEY, payload)
    assert store.get(kind, KEY) == payload
    assert store.directory is not None
    assert Cache(store.directory, "environment").get(kind, KEY) == payload


def test_kinds_keys_and_environments_are_apart(store: Cache) -> None:
    store.put("object", KEY, b"object")
    store.put("plan", KEY, b"plan")
    store.put("object", KEY + " ", b"other")
    other = Cache(store.directory, "another processor")
    assert other.get("object", KEY) is None
    assert other.put("object", KEY, b"there")
    assert [store.get("object", KEY), store.get("plan", KEY)] == [b"object", b"plan"]
    assert [store.get("object", KEY + " "), other.get("object", KEY)] == [b"other", b"there"]


def test_text_and_its_bytes_are_the_same_key(store: Cache) -> None:
    store.put("object", "αβ\ud800", PAYLOAD)
    assert store.get("object", "αβ\ud800".encode("utf-8", "surrogatepass")) == PAYLOAD


def test_a_later_payload_takes_the_place(store: Cache) -> None:
    store.put("object", KEY, b"first")
    store.put("object", KEY, b"second, longer")
    assert store.get("object", KEY) == b"second, longer"
    assert entry_of(store)


def test_an_unknown_kind(store: Cache) -> None:
    for call in (lambda: store.get("text", KEY), lambda: store.put("text", KEY, b"")):
        store.put("object", KEY, b"")
        with pytest.raises(ValueError, match="of kind 'text'; the kinds are object, plan"):
            call()


def test_size_and_clear(store: Cache) -> None:
    assert store.size() == 0 and store.clear() == 0
    for i in range(5):
        store.put("object", str(i), b"x" * 5000)
    assert store.size() == 5 * 8192
    assert store.directory is not None
    (store.directory / "notes.txt").write_text("the user's")
    assert store.clear() == 5
    assert store.size() == 0
    assert [p.name for p in store.directory.iterdir()] == ["notes.txt"]
    assert store.put("object", "again", PAYLOAD)


# ---- damage ----


def refused_and_rebuilt(store: Cache, path: Path, key: str = KEY) -> None:
    """The damaged entry is a miss, goes, and can be written again."""
    assert store.get("object", key) is None
    assert not os.path.lexists(path)
    assert store.put("object", key, PAYLOAD)
    assert store.get("object", key) == PAYLOAD


@pytest.mark.parametrize(
    "length",
    [0, 1, 7, 8, 9, 39, 40, 41, HEADER.size - 1, HEADER.size, HEADER.size + 1, -100, -1],
)
def test_a_truncated_entry(store: Cache, length: int) -> None:
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    path.write_bytes(path.read_bytes()[:length])
    refused_and_rebuilt(store, path)


def test_an_entry_with_something_behind_it(store: Cache) -> None:
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    path.write_bytes(path.read_bytes() + b"\0")
    refused_and_rebuilt(store, path)


def test_any_flipped_bit(store: Cache) -> None:
    store.put("object", KEY, PAYLOAD[:100])
    path = entry_of(store)
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        assert store.get("object", KEY) is None, place
        assert not path.exists()
        path.write_bytes(content)
        path.chmod(0o600)
    assert store.get("object", KEY) == PAYLOAD[:100]


def test_a_wrong_key(store: Cache) -> None:
    """Two keys with equal names, as a shortened digest might give: the header tells them apart."""
    store.put("object", "one", b"of one")
    path = entry_of(store)
    store.put("object", "two", b"of two")
    assert store.directory is not None
    (other,) = (p for p in store.directory.iterdir() if p != path)
    os.replace(path, other)
    refused_and_rebuilt(store, other, "two")


def test_a_collision_of_names(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(store.directory) + "/object-" + "0" * 40
    monkeypatch.setattr(Cache, "_path", lambda self, kind, digest: path)
    store.put("object", "one", b"of one")
    assert store.get("object", "two") is None
    store.put("object", "two", b"of two")
    assert store.get("object", "one") is None


@pytest.mark.parametrize("what", ["magic", "version", "kind"])
def test_a_whole_entry_of_another_format(
    store: Cache, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Its checksum is right: written by another version of this file."""
    store.put("plan", KEY, b"")  # the directory
    digest = store._key("object", KEY)
    path = Path(store._path("object", digest))
    with monkeypatch.context() as patched:
        if what == "magic":
            patched.setattr(cache, "MAGIC", b"adjoint\r")
        elif what == "version":
            patched.setattr(cache, "VERSION", 2)
        content = cache.wrap("plan" if what == "kind" else "object", digest, PAYLOAD)
    path.write_bytes(content)
    path.chmod(0o600)
    refused_and_rebuilt(store, path)


# ---- what stands in an entry's place ----


@posix
def test_a_link_in_an_entrys_place(store: Cache, tmp_path: Path) -> None:
    """Even a link to a good entry: who can place one chooses what is run."""
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    refused_and_rebuilt(store, path)
    assert not path.is_symlink() and elsewhere.exists()


@posix
def test_a_put_does_not_write_through_a_link(store: Cache, tmp_path: Path) -> None:
    store.put("object", KEY, PAYLOAD)
    path, victim = entry_of(store), tmp_path / "victim"
    path.unlink()
    victim.write_text("precious")
    path.symlink_to(victim)
    assert store.put("object", KEY, PAYLOAD)
    assert not path.is_symlink() and victim.read_text() == "precious"
    assert store.get("object", KEY) == PAYLOAD


@posix
def test_a_pipe_in_an_entrys_place_does_not_block(store: Cache) -> None:
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    path.unlink()
    os.mkfifo(path, 0o600)
    refused_and_rebuilt(store, path)


def test_a_directory_in_an_entrys_place(store: Cache) -> None:
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    path.unlink()
    path.mkdir()
    assert store.get("object", KEY) is None
    assert not store.put("object", KEY, PAYLOAD)
    store.sweep()
    assert path.is_dir() and list(path.parent.iterdir()) == [path]


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_an_entry_that_others_may_write(store: Cache, mode: int) -> None:
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    path.chmod(mode)
    refused_and_rebuilt(store, path)


@posix
def test_an_entry_of_somebody_else(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    me, real = os.geteuid(), os.fstat

    def foreign(file: int) -> os.stat_result:
        status = list(real(file))
        status[4] = me + 1
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", foreign)
    assert store.get("object", KEY) is None
    assert not path.exists()


# ---- the directory ----


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_directory_and_entries_are_private(tmp_path: Path, umask: int) -> None:
    store = Cache(tmp_path / "new" / "deep" / "adjoint")
    before = os.umask(umask)
    try:
        assert store.put("object", KEY, PAYLOAD)
        assert store.get("object", KEY) == PAYLOAD
    finally:
        os.umask(before)
    assert store.directory is not None
    assert rights(store.directory) == rights(store.directory.parent) == 0o700
    assert rights(entry_of(store)) == 0o600


def refused(store: Cache, message: str) -> None:
    """Not used, with one warning."""
    assert store.directory is not None
    before = sorted(store.directory.rglob("*"))
    with pytest.warns(RuntimeWarning, match=message) as caught:
        assert store.get("object", KEY) is None
    assert len(caught) == 1 and "ADJOINT_CACHE" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not store.put("object", KEY, PAYLOAD)
        assert store.get("object", KEY) is None
        assert store.size() == store.clear() == 0
    assert sorted(store.directory.rglob("*")) == before


@posix
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_directory_that_others_may_write_to(store: Cache, mode: int) -> None:
    store.put("object", KEY, PAYLOAD)
    assert store.directory is not None
    store.directory.chmod(mode)
    refused(Cache(store.directory, "environment"), "others may write to it")


@posix
def test_a_directory_of_somebody_else(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("object", KEY, PAYLOAD)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    refused(Cache(store.directory, "environment"), f"belongs to another user \\({me}, not {me + 1}")


@posix
@pytest.mark.skipif(POSIX and os.geteuid() != 0, reason="only root may give files away")
def test_a_directory_given_away(store: Cache) -> None:
    store.put("object", KEY, PAYLOAD)
    assert store.directory is not None
    os.chown(store.directory, 12345, 12345)
    refused(Cache(store.directory, "environment"), "belongs to another user \\(12345")


@posix
def test_a_link_of_somebody_else_to_a_directory_of_ours(
    store: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("object", KEY, PAYLOAD)
    assert store.directory is not None
    link = tmp_path / "link"
    link.symlink_to(store.directory)
    assert Cache(link, "environment").get("object", KEY) == PAYLOAD  # the user's own link
    real, me = os.lstat, os.geteuid()

    def foreign(path: str | Path, *rest: object) -> os.stat_result:
        status = list(real(path))
        if str(path) == str(link):
            status[4] = me + 1
        return os.stat_result(status)

    monkeypatch.setattr(os, "lstat", foreign)
    refused(Cache(link, "environment"), "not a directory of this user's own")


def test_a_file_in_the_directorys_place(tmp_path: Path) -> None:
    (tmp_path / "adjoint").write_text("")
    with pytest.warns(RuntimeWarning, match="not a directory"):
        assert not Cache(tmp_path / "adjoint").put("object", KEY, PAYLOAD)


@posix
def test_a_directory_that_others_may_read_is_narrowed(store: Cache) -> None:
    assert store.directory is not None
    store.directory.mkdir(0o755, parents=True)
    store.directory.chmod(0o755)
    assert store.put("object", KEY, PAYLOAD)
    assert rights(store.directory) == 0o700


def test_a_system_without_owners_trusts_the_users_home_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.delattr(os, "geteuid", raising=False)
    inside = Cache(tmp_path / "home" / "cache" / "adjoint")
    assert inside.put("object", KEY, PAYLOAD)
    assert inside.get("object", KEY) == PAYLOAD
    (tmp_path / "shared").mkdir()
    refused(Cache(tmp_path / "shared"), "cannot be checked to be private outside of")


def test_a_directory_deleted_while_it_is_used(store: Cache) -> None:
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    path.unlink()
    path.parent.rmdir()
    assert store.get("object", KEY) is None
    assert store.size() == 0
    store.sweep()
    assert store.put("object", KEY, PAYLOAD)
    assert store.get("object", KEY) == PAYLOAD


# ---- disks that cannot be written to ----


@posix
def test_a_read_only_directory(store: Cache) -> None:
    """Entries are read, none is written: no error, no warning.  (Root may write anywhere.)"""
    store.put("object", KEY, PAYLOAD)
    path = entry_of(store)
    path.parent.chmod(0o500)
    try:
        assert store.get("object", KEY) == PAYLOAD
        assert store.put("object", "other", PAYLOAD) == (os.geteuid() == 0)
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "write", "replace", "mkdir"])
def test_a_disk_that_refuses(
    store: Cache, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    if call != "mkdir":
        assert store.put("plan", KEY, b"kept")
    real = os.open

    def fail(*arguments: object, **options: object) -> object:
        if call == "open" and not arguments[1] & os.O_CREAT:  # type: ignore[operator]
            return real(*arguments, **options)  # type: ignore[arg-type]
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        assert not store.put("object", KEY, PAYLOAD)
        assert store.get("object", KEY) is None
        if call != "mkdir":
            assert store.get("plan", KEY) == b"kept"
            assert entry_of(store)  # nothing was left behind
    assert store.put("object", KEY, PAYLOAD)


def test_a_disk_that_fills_in_the_middle(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("plan", KEY, b"kept")
    real, calls = os.write, []

    def some(file: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "full")
        return real(file, data[:100])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", some)
        assert not store.put("object", KEY, PAYLOAD)
    assert len(calls) == 4 and entry_of(store).name.startswith("plan")


def test_short_reads_and_writes(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    write, read = os.write, os.read
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:1000]))
    monkeypatch.setattr(os, "read", lambda file, size: read(file, min(size, 777)))
    assert store.put("object", KEY, PAYLOAD)
    assert store.get("object", KEY) == PAYLOAD


def test_too_many_open_files_delete_nothing(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("object", KEY, PAYLOAD)

    def fail(*arguments: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fail)
        assert store.get("object", KEY) is None
    assert store.get("object", KEY) == PAYLOAD


def test_an_interrupt_leaves_nothing_behind(store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("plan", KEY, b"kept")

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.put("object", KEY, PAYLOAD)
    assert entry_of(store).name.startswith("plan")


# ---- the bound ----


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    store = Cache(tmp_path, limit=16 * 4096)
    now = time.time()
    for i in range(16):
        store.put("object", str(i), b"x")
        os.utime(store._path("object", store._key("object", str(i))), (0, now - 100_000 + i))
    assert store.get("object", "0") == b"x"  # which renews it
    store.put("object", "16", b"x")
    assert store.size() <= 14 * 4096
    kept = [i for i in range(17) if store.get("object", str(i))]
    assert kept == [0, *range(4, 17)]


def test_a_small_cache_never_passes_its_limit(tmp_path: Path) -> None:
    store = Cache(tmp_path, limit=10 * 4096)
    for i in range(60):
        assert store.put("object", str(i), b"x" * (i * 97 % 9000))
        assert store.get("object", str(i)) is not None
        assert store.size() <= store.limit


def test_a_payload_of_more_than_a_quarter_of_the_limit_is_not_kept(tmp_path: Path) -> None:
    store = Cache(tmp_path, limit=16 * 4096)
    assert store.put("object", "fits", b"x" * (4 * 4096 - HEADER.size))
    assert not store.put("object", "does not", b"x" * (4 * 4096 - HEADER.size + 1))


def test_sweeps_are_rare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each 64th of the limit, by the writes' own random names."""
    sweeps: list[int] = []
    monkeypatch.setattr(Cache, "sweep", lambda self: sweeps.append(1))
    tokens = iter(((i * 0x9E3779B97F4A7C15) % 2**64).to_bytes(8, "little") for i in range(512))
    monkeypatch.setattr(os, "urandom", lambda size: next(tokens))
    store = Cache(tmp_path, limit=1024 * 4096)
    for i in range(512):
        store.put("object", str(i), b"x")
    assert 24 <= len(sweeps) <= 40  # half the limit was written: 32


def test_the_users_random_numbers_are_left_alone(store: Cache) -> None:
    import random

    random.seed(1)
    expected = random.random()
    random.seed(1)
    store.put("object", KEY, PAYLOAD)
    assert random.random() == expected


def test_times_in_the_future_do_not_last(tmp_path: Path) -> None:
    store = Cache(tmp_path, limit=16 * 4096)
    for i in range(16):
        store.put("object", str(i), b"x")
    path = store._path("object", store._key("object", "15"))
    os.utime(path, (0, time.time() + 1e6))
    store.put("object", "16", b"x")
    assert not os.path.exists(path) and store.get("object", "16") == b"x"


def test_abandoned_files_go(store: Cache) -> None:
    store.put("object", KEY, PAYLOAD)
    folder = entry_of(store).parent
    for name, age in (("writing-" + "0" * 16, 10_000), ("writing-" + "1" * 16, 10)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (0, time.time() - age))
    store.sweep()
    entry, unfinished = sorted(path.name for path in folder.iterdir())
    assert entry.startswith("object-") and unfinished == "writing-" + "1" * 16


def test_a_hit_renews_an_old_entry_only(store: Cache) -> None:
    store.put("object", KEY, PAYLOAD)
    path, now = entry_of(store), time.time()
    os.utime(path, (0, now - 1000))
    store.get("object", KEY)
    assert path.stat().st_mtime == pytest.approx(now - 1000, abs=1)
    os.utime(path, (0, now - 4000))
    store.get("object", KEY)
    assert path.stat().st_mtime > now - 100


@pytest.mark.parametrize("moment", ["listed", "looked at", "deleted"])
def test_files_that_vanish_during_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Another process deletes everything between the steps."""
    store = Cache(tmp_path, limit=16 * 4096)
    for i in range(12):
        store.put("object", str(i), b"x")
    store.limit = 4 * 4096

    def delete_all() -> None:
        for path in tmp_path.iterdir():
            path.unlink()

    def vanish(real: Callable) -> Callable:
        return lambda *arguments: (delete_all(), real(*arguments))[1]

    def vanish_after(real: Callable) -> Callable:
        return lambda *arguments: (real(*arguments), delete_all())[0]

    with monkeypatch.context() as patched:
        if moment == "looked at":
            patched.setattr(Cache, "_entries", vanish_after(Cache._entries))
        elif moment == "deleted":
            patched.setattr(cache, "remove", vanish(cache.remove))
        else:
            patched.setattr(cache, "blocks", vanish(cache.blocks))
        store.sweep()
    assert store.size() == 0


def test_what_another_process_has_renewed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Cache(tmp_path, limit=16 * 4096)
    for i in range(12):
        store.put("object", str(i), b"x")
    store.limit = 4 * 4096
    real = Cache._entries

    def renewed(self: Cache) -> list[cache.Entry]:
        found = real(self)
        for entry in found:
            os.utime(entry.path, (0, entry.time + 5))
        return found

    monkeypatch.setattr(Cache, "_entries", renewed)
    store.sweep()
    assert store.size() == 12 * 4096


# ---- several threads and processes ----

HAMMER = """
import sys
from hashlib import blake2b
from adjoint.runtime.cache import Cache
directory, own, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = Cache(directory, "environment", limit=40 * 4096)
hits = 0
for i in range(rounds):
    for key in (f"shared {i % 23}", f"{own} {i % 31}", f"{own} {i % 3}"):
        # Writers of a shared key write different bytes: each must be one writer's, whole.
        found = store.get("object", key)
        if found is not None:
            hits += 1
            who, size = found[:32].decode().split()[:2]
            body = blake2b((who + key).encode()).digest() * int(size)
            assert found == f"{who} {size}".ljust(32).encode() + body, key
            assert who == own or key.startswith("shared"), key
        if found is None or i % 3 == 0:
            size = 1 + i % 90
            body = blake2b((own + key).encode()).digest() * size
            store.put("object", key, f"{own} {size}".ljust(32).encode() + body)
    if i % 50 == 49:
        store.sweep()
print(hits)
"""


def test_processes_at_once(tmp_path: Path) -> None:
    """Two write and read the same and different keys of a cache that is far too small."""
    directory = str(tmp_path / "adjoint")
    environment = {**os.environ, "PYTHONPATH": PATHS}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", HAMMER, directory, own, "500"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in ("first", "second")
    ]
    for worker in workers:
        out, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, err
        assert not err
        assert int(out) > 50
    store = Cache(directory, "environment", limit=40 * 4096)
    store.sweep()
    assert 0 < store.size() <= store.limit
    assert not [p for p in Path(directory).iterdir() if p.name.startswith("writing")]


def test_threads_at_once(tmp_path: Path) -> None:
    store, failures = Cache(tmp_path / "adjoint", limit=30 * 4096), []

    def work(own: int) -> None:
        try:
            for i in range(200):
                key = str(i % 40)
                found = store.get("object", key)
                assert found is None or found == key.encode() * 500
                store.put("object", key, key.encode() * 500)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and store.size() <= store.limit


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")  # JAX, where it is loaded, warns
def test_a_fork(store: Cache) -> None:
    """Parent and child go on with one cache, and choose different names to write to."""
    store.put("object", "before", PAYLOAD)
    if (child := os.fork()) == 0:
        done = store.get("object", "before") == PAYLOAD
        done = done and all(store.put("object", f"child {i}", b"c") for i in range(50))
        os._exit(0 if done else 1)
    assert all(store.put("object", f"parent {i}", b"p") for i in range(50))
    assert os.waitpid(child, 0)[1] == 0
    assert [store.get("object", f"child {i}") for i in range(50)] == [b"c"] * 50
    assert [store.get("object", f"parent {i}") for i in range(50)] == [b"p"] * 50


# ---- the user's cache ----


@pytest.mark.parametrize("off", ["off", "OFF", " off "])
def test_off(monkeypatch: pytest.MonkeyPatch, off: str) -> None:
    monkeypatch.setenv("ADJOINT_CACHE", off)
    store = cache.default()
    assert not store.put("object", KEY, PAYLOAD)
    assert store.get("object", KEY) is None
    assert store.size() == store.clear() == 0
    assert repr(store) == "Cache(None)"


def test_a_directory_of_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOINT_CACHE", str(tmp_path / "chosen"))
    store = cache.default()
    if not POSIX:
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert store is cache.default()
    assert store.directory == tmp_path / "chosen" / "adjoint"
    assert store.put("object", KEY, PAYLOAD) and store.get("object", KEY) == PAYLOAD


def test_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    found = {}
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", system)
        found[system] = cache.place("")
    monkeypatch.undo()
    assert found == {
        "linux": tmp_path / "xdg" / "adjoint",
        "darwin": tmp_path / "home" / "Library" / "Caches" / "adjoint",
        "win32": tmp_path / "local" / "adjoint",
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the XDG directories")
@pytest.mark.parametrize("value", ["", "relative/directory", None])
def test_without_a_cache_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    if value is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache.place("") == tmp_path / ".cache" / "adjoint"


def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert cache.place("") is None


def test_no_llvm_is_loaded_to_look_into_the_cache(tmp_path: Path) -> None:
    code = (
        "import sys; from adjoint.runtime.cache import default\n"
        "store = default(); store.put('object', 'key', b'payload')\n"
        "assert store.get('object', 'key') == b'payload'\n"
        "if sys.platform == 'linux':\n"
        "    assert not any(m.startswith(('llvmlite', 'scipy')) for m in sys.modules)\n"
        "print(store.directory)\n"
    )
    environment = {**os.environ, "PYTHONPATH": PATHS, "ADJOINT_CACHE": str(tmp_path)}
    out = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert out.strip() == str(tmp_path / "adjoint")


# ---- the environment ----


def test_the_environment_names_what_code_depends_on() -> None:
    import numpy

    found = cache.environment()
    for part in (numpy.__version__, sys.version, "builder.py", "layout.py", "_version.py"):
        assert part in found
    assert "tour" not in found.replace(SOURCE, "") and found == cache.environment()


@pytest.mark.parametrize("change", ["content", "new file", "renamed", "times set back"])
def test_a_changed_source_file_changes_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    package = tmp_path / "package"
    (package / "runtime").mkdir(parents=True)
    (package / "tour").mkdir()
    for name in ("api.py", "runtime/cache.py", "tour/plot.py"):
        (package / name).write_text("x = 1\n")
    monkeypatch.setattr(cache, "__file__", str(package / "runtime" / "cache.py"))
    before = cache.source()
    (package / "tour" / "plot.py").write_text("x = 2\n")
    (package / "data.txt").write_text("")
    assert cache.source() == before
    api = package / "api.py"
    times = api.stat().st_atime_ns, api.stat().st_mtime_ns
    if change == "content":
        api.write_text("x = 12\n")
    elif change == "new file":
        (package / "new.py").write_text("")
    elif change == "renamed":
        api.rename(package / "apt.py")
    elif sys.platform != "win32":
        time.sleep(0.02)  # file systems tell times in ticks of some milliseconds
        api.write_text("x = 2\n")
        os.utime(api, ns=times)
        assert api.stat().st_mtime_ns == times[1]
    assert cache.source() != before


def test_a_package_without_files_has_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "package.zip" / "runtime" / "cache.py"))
    cache.environment.cache_clear()
    try:
        assert cache.opened(str(tmp_path / "not used elsewhere")).directory is None
    finally:
        cache.opened.cache_clear()
        cache.environment.cache_clear()


def test_a_processor_that_the_kernel_does_not_describe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(cache.processor()) > 20

    def missing(*arguments: object, **options: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    assert cache.processor() == cache.host().fingerprint


def test_what_is_not_there_is_made_once(store: Cache) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return PAYLOAD

    assert store.obtain("object", "made", make) == store.obtain("object", "made", make) == PAYLOAD
    assert made == [1]
