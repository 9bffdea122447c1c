"""Entries as objects: methods, pickling, weak references, garbage, `inspect`, the end of the
interpreter, and interpreters that are not known."""

import copy
import ctypes
import functools
import gc
import inspect
import os
import pickle
import subprocess
import sys
import sysconfig
import textwrap
import weakref
from pathlib import Path

import numpy as np
import pytest
from runtime.entry_checks import Missed, entry_of, identity, missed

import adjoint
from adjoint.runtime import cpu
from adjoint.runtime.entry import (
    Entry,
    Global,
    PythonEntry,
    facts,
    make_entry,
    native,
    native_type,
    object_bytes,
    why_not_native,
)

KINDS = ["native", "python"]


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param == "native" and (why := why_not_native()) is not None:
        pytest.skip(why)
    return request.param


class Methods(Entry):
    """What a front adds to entries."""

    __slots__ = ()

    def lower(self, *args):
        return "lowered", self.__name__, args

    @property
    def address(self):
        return 17

    def __repr__(self):
        return f"<mine {self.__name__}>"


def plain(x, /, scale: float = 2.0, *, offset=0.0):
    """Text of the function."""
    return x * scale + offset


def compiled(function, kind, *records, methods=Methods):
    entry = make_entry(function, methods, native=kind == "native", __wrapped__=function)
    functools.update_wrapper(entry, function)
    entry.records = records
    return entry


shared = {kind: compiled(plain, kind) for kind in KINDS}


# ---------------------------------------------------------------- what it looks like


def test_the_kind_of_entry(kind):
    entry = entry_of(kind, missed)
    assert isinstance(entry, Entry) and callable(entry)
    assert isinstance(entry, PythonEntry) == (kind == "python")
    if kind == "native":
        assert type(entry) is native_type() and native_type() is native_type()
        assert type(entry_of(kind, missed)) is type(entry)


def test_methods_of_the_front(kind):
    entry = compiled(plain, kind)
    assert isinstance(entry, Methods) and isinstance(entry, Entry)
    assert type(compiled(plain, kind)) is type(entry)
    assert entry.lower(1, 2) == ("lowered", "plain", (1, 2))
    assert entry.address == 17 and repr(entry) == "<mine plain>"
    assert entry.fallback is plain
    entry.other = 3
    assert entry.other == entry.__dict__["other"] == 3
    del entry.other
    assert not hasattr(entry, "other")
    assert "2 records" in repr(entry_of(kind, missed, identity(1.0), identity(1j)))
    with pytest.raises(AttributeError):
        entry.address = 1


def test_it_looks_like_the_function(kind):
    entry = compiled(plain, kind)
    assert entry.__name__ == "plain" and entry.__doc__ == plain.__doc__
    assert entry.__module__ == plain.__module__ and entry.__wrapped__ is plain
    assert inspect.signature(entry) == inspect.signature(plain)
    assert inspect.unwrap(entry) is plain and inspect.getdoc(entry) == "Text of the function."
    assert inspect.getsource(entry) == inspect.getsource(plain)
    entry.__signature__ = inspect.signature(lambda a, b: 0)
    del entry.__wrapped__
    assert str(inspect.signature(entry)) == "(a, b)"


def test_wrapping_it_again(kind):
    entry = compiled(plain, kind)

    @functools.wraps(entry)
    def outer(*args, **kwargs):
        return entry(*args, **kwargs)

    assert outer.__name__ == "plain" and outer.__wrapped__ is entry
    assert inspect.signature(outer) == inspect.signature(plain)
    assert outer(2.0) == 4.0 and functools.partial(entry, 2.0)(scale=3.0) == 6.0
    assert functools.reduce(entry, [1.0, 2.0, 3.0]) == 6.0
    assert list(map(entry, [1.0, 2.0])) == [2.0, 4.0]


def test_it_is_hashed_and_compared_by_identity(kind):
    a, b = entry_of(kind, missed), entry_of(kind, missed)
    assert a == a and a != b and len({a, b, a}) == 2


@pytest.mark.skipif(why_not_native() is not None, reason="no native entries here")
def test_the_type_makes_no_instances_by_itself():
    kind = native_type()
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(TypeError):
        object.__new__(kind)
    with pytest.raises(TypeError):
        type("Sub", (kind,), {})


# ---------------------------------------------------------------- methods of classes


def test_it_binds_as_a_method(kind):
    def method(self, x, y=1.0):
        return self, x, y

    class Model:
        fast = compiled(method, kind)
        static = staticmethod(compiled(plain, kind))
        whole = classmethod(compiled(method, kind))

    model = Model()
    assert model.fast(2.0) == (model, 2.0, 1.0) and model.fast(2.0, y=3.0) == (model, 2.0, 3.0)
    bound = model.fast
    assert bound(5.0) == (model, 5.0, 1.0) and bound.__self__ is model
    assert bound.__name__ == "method" and bound.__func__ is Model.fast
    assert Model.fast(model, 2.0) == (model, 2.0, 1.0) and isinstance(Model.fast, Methods)
    assert model.static(2.0) == 4.0 and model.whole(2.0) == (Model, 2.0, 1.0)
    assert list(inspect.signature(model.fast).parameters) == ["x", "y"]
    assert type(None).__dict__.get("fast") is None and Model.fast.__get__(None, Model) is Model.fast

    class Child(Model):
        def fast(self, x):
            return super().fast(x)

    child = Child()
    assert child.fast(1.0) == (child, 1.0, 1.0)


def test_methods_run_natively(kind):
    class Model:
        pass

    model = Model()
    Model.fast = compiled(missed, kind, identity(model, 1.0))
    for _ in range(100):  # enough for the interpreter to specialise the call
        args, _ = model.fast(2.0)
        assert args == (model, 2.0) and type(args) is tuple
    assert type(Model().fast(2.0)) is Missed
    before = sys.getrefcount(model)
    for _ in range(100):
        model.fast(2.0)
        model.fast("x")
    assert sys.getrefcount(model) == before


# ---------------------------------------------------------------- pickle, copy, weak references


def test_pickling_by_name(kind, monkeypatch):
    module = sys.modules[__name__]
    monkeypatch.setattr(module, "plain", shared[kind])
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(shared[kind], protocol)) is shared[kind]
    assert copy.copy(shared[kind]) is shared[kind] and copy.deepcopy(shared[kind]) is shared[kind]
    monkeypatch.undo()
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(shared[kind])
    local = compiled(lambda x: x, kind)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


def test_weak_references(kind):
    entry = entry_of(kind, missed, identity(1.0))
    gone = []
    reference = weakref.ref(entry, gone.append)
    table = weakref.WeakKeyDictionary({entry: 1})
    assert reference() is entry and table[entry] == 1
    del entry
    gc.collect()
    assert reference() is None and len(gone) == 1 and not table


# ---------------------------------------------------------------- garbage


def test_cycles_are_collected(kind):
    class Thing:
        pass

    def make():
        entry = entry_of(kind, missed)
        space, thing = {"entry": entry}, Thing()
        entry.me = entry
        record = identity(thing, 1.0)
        record.keep = (space, thing)
        entry.records = [record]
        entry2 = make_entry(lambda *a: entry, native=kind == "native")
        entry.other = entry2
        return weakref.ref(entry), weakref.ref(thing), weakref.ref(entry2)

    references = [make() for _ in range(10)]
    gc.collect()
    assert all(r() is None for triple in references for r in triple)


def test_a_cycle_through_records_alone(kind):
    space = {}
    entry = entry_of(kind, missed)
    entry.records = [identity(1.0, watched=[Global(space, "entry", entry)])]
    space["entry"] = entry
    assert type(entry(1.0)) is tuple
    reference = weakref.ref(entry)
    del entry, space
    gc.collect()
    assert reference() is None


def test_an_entry_called_while_garbage_is_collected(kind):
    """A finaliser in the same garbage calls the entry."""
    results = []

    class Last:
        def __del__(self):
            results.append(self.entry(1.0))

    last = Last()
    entry = entry_of(kind, missed, identity(1.0))
    last.entry = entry
    entry.last = last
    del entry, last
    gc.collect()
    assert results == [((1.0,), {})] and type(results[0]) is tuple


@pytest.mark.skipif(why_not_native() is not None, reason="no native entries here")
def test_a_cleared_entry_says_so():
    entry = entry_of("native", missed, identity(1.0))
    function = native.code.functions()["clear"]
    ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object)(function)(entry)
    assert entry.records == ()
    with pytest.raises(RuntimeError, match="collected"):
        entry(1.0)
    entry.again = 1
    assert entry.again == 1


def test_ten_thousand_entries_free_their_memory(kind):
    record = identity(1.0, np.arange(3.0))

    def make(count):
        for k in range(count):
            entry = make_entry(lambda *a: a, native=kind == "native", __name__=f"f{k}")
            entry.records = [identity(1.0, {"a": 2.0})] if k % 10 == 0 else [record]
            entry(1.0, np.ones(3))
            if k % 3 == 0:
                entry.itself = entry

    make(100)
    gc.collect()
    type_of = type(entry_of(kind, missed))
    before, references = sys.getallocatedblocks(), sys.getrefcount(type_of)
    make(10_000 if kind == "native" else 500)
    gc.collect()
    blocks, after = sys.getallocatedblocks(), sys.getrefcount(type_of)
    assert abs(blocks - before) < 100 and after == references


# ---------------------------------------------------------------- processes


def run(script, **environment):
    folders = [str(Path(adjoint.__file__).parents[1]), str(Path(__file__).parents[1])]
    path = os.pathsep.join(folders)
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "error", "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_end_of_the_interpreter():
    script = """
        import atexit, sys, weakref
        from runtime.entry_checks import entry_of, identity, missed
        from adjoint.runtime.entry import Global
        kept = {}
        for kind in ("native", "python"):
            entry = entry_of(kind, missed)
            entry.records = [identity(1.0, watched=[Global(globals(), "entry", entry)])]
            entry.itself = entry
            kept[kind] = entry
            sys.modules[f"strange_{kind}"] = entry
            class Late:
                def __init__(self, entry): self.entry = entry
                def __del__(self): print(self.entry(1.0))
            late = Late(entry)
            setattr(sys, f"late_{kind}", Late(entry))
            atexit.register(entry, 2.0)
            weakref.finalize(late, entry, 3.0)
        print("end")
    """
    result = run(script)
    assert result.returncode == 0, result.stderr
    assert "end\n" in result.stdout and "Error" not in result.stderr


def test_a_thread_that_runs_a_program_at_the_end_of_the_interpreter(kind):
    script = f"""
        import sys, threading, time
        from adjoint.runtime.entry import Number
        from runtime.test_entry_threads import Waiting
        waiting = Waiting((Number(float, 0),), {kind!r})
        thread = threading.Thread(target=waiting.entry, args=(1.0,), daemon=True)
        thread.start()
        while not waiting.flags[1]:
            time.sleep(0)
        class Late:
            def __init__(self, flags, sleep): self.flags, self.sleep = flags, sleep
            def __del__(self):
                self.flags[0] = 1
                self.sleep(0.05)
        sys.late = Late(waiting.flags, time.sleep)
    """
    result = run(script)
    assert result.returncode == 0 and not result.stderr, result.stderr


@pytest.mark.skipif(why_not_native() is not None, reason="no native entries here")
def test_kept_code_spares_loading_llvm(tmp_path):
    (tmp_path / "code").write_bytes(object_bytes())
    script = """
        import os, sys
        from adjoint.runtime.entry import load_from, make_entry, native_type
        load_from(open(os.environ["CODE"], "rb").read())
        entry = make_entry(lambda *a: a)
        assert type(entry) is native_type() and entry(1) == (1,)
        print("llvmlite" in sys.modules)
    """
    result = run(script, CODE=str(tmp_path / "code"), ADJOINT_CACHE="off")
    assert result.returncode == 0, result.stderr
    if sys.platform == "linux":
        assert result.stdout == "False\n"


@pytest.mark.skipif(why_not_native() is not None, reason="no native entries here")
def test_the_disk_cache_keeps_the_code(tmp_path):
    script = """
        import sys
        from adjoint.runtime.entry import make_entry, native_type
        assert type(make_entry(len)) is native_type()
        print("llvmlite" in sys.modules)
    """
    results = [run(script, ADJOINT_CACHE=str(tmp_path)) for _ in range(2)]
    assert [r.returncode for r in results] == [0, 0], results[0].stderr + results[1].stderr
    if sys.platform == "linux":
        assert [r.stdout for r in results] == ["True\n", "False\n"]


@pytest.mark.skipif(
    why_not_native() is not None or sys.platform != "linux", reason="object files of Linux"
)
def test_bad_bytes_in_the_disk_cache_are_replaced(monkeypatch):
    class Store(dict):
        def get(self, kind, key):
            return dict.get(self, key)

        def put(self, kind, key, data):
            self[key] = data

    for bad in (b"\x7fELF and nothing more", object_bytes()[:2000]):
        store = Store({native.code.CACHE_KEY: bad})
        monkeypatch.setattr(native.code.cache, "default", lambda store=store: store)
        monkeypatch.setattr(native.code.Loaded, "addresses", None)
        assert set(native.code.functions()) == set(native.code.FUNCTIONS)
        assert store[native.code.CACHE_KEY] == object_bytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_entries_after_a_fork(kind):
    script = f"""
        import os
        from runtime.entry_checks import entry_of, identity, missed
        entry = entry_of({kind!r}, missed, identity(1.0))
        child = os.fork()
        fine = type(entry(2.0)) is tuple and entry.prepend(identity(1j)) is None
        fine = fine and type(entry(2j)) is tuple
        if child == 0:
            os._exit(0 if fine else 1)
        assert os.waitpid(child, 0)[1] == 0 and fine
    """
    result = run(script)
    assert result.returncode == 0, result.stderr


# ---------------------------------------------------------------- interpreters that are not known


def test_unknown_interpreters_are_told(monkeypatch):
    build = facts.unknown_build
    assert build() is None or why_not_native() is not None
    with monkeypatch.context() as m:
        m.setattr(facts.sys, "version_info", (3, 14, 0, "final", 0))
        assert build() == "Python 3.14 is not known"
        m.setattr(facts.sys, "version_info", (3, 10, 9, "final", 0))
        assert build() == "Python 3.10 is not known"
    with monkeypatch.context() as m:
        m.setattr(sysconfig, "get_config_var", lambda name: 1)
        assert build() == "Python is built without the GIL"
    with monkeypatch.context() as m:
        m.setattr(facts.sys, "byteorder", "big")
        assert build() == "the machine is not 64-bit little-endian"
    with monkeypatch.context() as m:
        m.setattr(facts.sys, "gettotalrefcount", lambda: 0, raising=False)
        assert build() == "Python is built for debugging"
    with monkeypatch.context() as m:
        m.setattr(facts.np, "__version__", "3.0.1")
        assert build() == "NumPy 3.0.1 is not known"
    with monkeypatch.context() as m:
        m.setattr(facts.sys, "implementation", type("I", (), {"name": "pypy"}))
        assert build() == "the interpreter is pypy"


@pytest.mark.skipif(why_not_native() is not None, reason="no native entries here")
@pytest.mark.parametrize(
    "name", "REFERENCES SIZE ITEMS VALUE USED DATA AXES SHAPE DESCRIPTOR FLAGS TYPE_NUMBER".split()
)
def test_another_layout_is_noticed(name, monkeypatch):
    checks = [c for c in facts.CHECKS if c.__name__ in ("references", "containers", "arrays")]
    monkeypatch.setattr(facts, "CHECKS", checks)
    assert facts.problem.__wrapped__() is None
    offset = {"SHAPE": 40, "AXES": 28, "TYPE_NUMBER": 24}.get(name, getattr(facts, name) + 8)
    monkeypatch.setattr(facts, name, offset)
    assert facts.problem.__wrapped__().startswith("another layout than known: ")


def test_python_serves_where_machine_code_cannot(monkeypatch):
    def forbidden(*args):
        raise cpu.LoadError("the system forbids executable memory")

    monkeypatch.setattr(native, "native_types", {})
    monkeypatch.setattr(native, "make_type", forbidden)
    why = native.why_not_native.__wrapped__
    monkeypatch.setattr(native, "why_not_native", why)
    assert why_not_native() is not None or why() == "the system forbids executable memory"
    assert native_type() is None
    entry = make_entry(plain, Methods, __name__="plain")
    assert isinstance(entry, PythonEntry) and isinstance(entry, Methods)
    entry.records = [identity(1.0)]
    assert entry(1.0) == ((1.0,), {}) and entry(2.0, 3.0) == 6.0


def test_machine_code_that_fails_its_test_is_not_used(monkeypatch):
    if why_not_native() is None:
        monkeypatch.setattr(native, "is_sound", lambda kind: False)
        assert native.why_not_native.__wrapped__() == "the machine code failed its test"


def test_a_lacking_function_is_told(monkeypatch):
    if why_not_native() is None:
        monkeypatch.setattr(facts, "PYTHON_FUNCTIONS", ("PyObject_NoSuchFunction",))
        monkeypatch.setattr(facts, "addresses", facts.addresses.__wrapped__)
        assert "a function is absent" in facts.problem.__wrapped__()
