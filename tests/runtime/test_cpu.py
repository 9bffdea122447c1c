"""Loading object files, and the addresses of BLAS, LAPACK, special and libm routines."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import random
import struct
import subprocess
import sys
from ctypes import POINTER, byref, c_char, c_double, c_int, c_int64
from pathlib import Path

import numpy as np
import pytest

from adjoint.codegen.compile import compile_object
from adjoint.codegen.targets import host, llvm
from adjoint.runtime import cpu

own_loader = pytest.mark.skipif(not cpu.is_loader_known(), reason="loaded by an LLVM engine here")

EVERYTHING = """
declare double @outside(double)
@outside_number = external global i32
@sink = external global i64
@table = private unnamed_addr constant [4 x double] [double 1.5, double 2.5, double 3.5, double 4.5]
@pointers = internal unnamed_addr constant [2 x ptr] [ptr @tenth, ptr @seventh]
@public = constant i64 12345
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal double @tenth(double %x) noinline nounwind {
  %r = fadd double %x, 0.1
  ret double %r
}
define double @seventh(double %x) noinline nounwind {
  %r = fadd double %x, 0.7
  ret double %r
}
define double @all(double %x, i64 %i, ptr %buffer) nounwind {
  %p = getelementptr [4 x double], ptr @table, i64 0, i64 %i
  %v = load double, ptr %p
  %s = fmul double %x, 0.3
  %c = call double @outside(double %s)
  %d = call double @tenth(double %c)
  call void @llvm.memset.p0.i64(ptr %buffer, i8 0, i64 800, i1 0)
  %q = getelementptr [2 x ptr], ptr @pointers, i64 0, i64 %i
  %f = load ptr, ptr %q
  %g = call double %f(double %d)
  %w = fadd double %v, %g
  %n = load i32, ptr @outside_number
  %m = sitofp i32 %n to double
  %y = fadd double %w, %m
  ret double %y
}
define i64 @jump(i64 %k) nounwind {
  switch i64 %k, label %other [ i64 0, label %a  i64 1, label %b  i64 2, label %c
                                i64 3, label %d  i64 4, label %e  i64 5, label %f ]
a:
  ret i64 10
b:
  store volatile i64 %k, ptr @sink
  ret i64 76
c:
  store volatile i64 0, ptr @sink
  ret i64 77
d:
  store volatile i64 1, ptr @sink
  ret i64 78
e:
  store volatile i64 2, ptr @sink
  ret i64 79
f:
  store volatile i64 3, ptr @sink
  ret i64 80
other:
  ret i64 5
}
define void @vector(ptr %x) nounwind {
  %v = load <8 x float>, ptr %x, align 4
  %m = fmul <8 x float> %v, <float 1.0, float 2.0, float 3.0, float 4.0,
                             float 5.0, float 6.0, float 7.0, float 8.5>
  store <8 x float> %m, ptr %x, align 4
  ret void
}
define double @remainder(double %x) nounwind {
  %r = frem double %x, 3.0
  ret double %r
}
"""
TRIPLED = ctypes.CFUNCTYPE(c_double, c_double)(lambda x: 3 * x)
NUMBER, SINK = c_int(1000), c_int64(0)


def outside() -> dict[str, int]:
    return {
        "outside": ctypes.cast(TRIPLED, ctypes.c_void_p).value or 0,
        "outside_number": ctypes.addressof(NUMBER),
        "sink": ctypes.addressof(SINK),
    }


def small(number: int) -> bytes:
    text = f"define double @f(double %x) nounwind {{ %y = fmul double %x, {number}.25\n"
    return compile_object(text + " ret double %y }", host())


def expected(x: float, i: int) -> float:
    return [1.5, 2.5][i] + (3 * (x * 0.3) + 0.1 + [0.1, 0.7][i]) + 1000


def check_everything(library: cpu.Library) -> None:
    every = library.function("all", c_double, c_double, c_int64, ctypes.c_char_p)
    buffer = ctypes.create_string_buffer(b"x" * 900)
    for i in (0, 1):
        assert every(2.0, i, buffer) == pytest.approx(expected(2.0, i), rel=1e-15)  # type: ignore[arg-type]
    assert buffer.raw == b"\0" * 800 + b"x" * 100 + b"\0"
    jump = library.function("jump", c_int64, c_int64)
    assert [jump(k) for k in range(-1, 7)] == [5, 10, 76, 77, 78, 79, 80, 5]
    assert c_int64.from_address(library.address("public")).value == 12345
    x = np.ones(8, np.float32)
    library.function("vector", None, ctypes.c_void_p)(x.ctypes.data)
    assert x.tolist() == [1, 2, 3, 4, 5, 6, 7, 8.5]
    assert library.function("remainder", c_double, c_double)(7.5) == 1.5


# ---- loading ----


def test_every_kind_of_reference() -> None:
    check_everything(cpu.load(compile_object(EVERYTHING, host()), outside()))


def test_the_engine_gives_the_same() -> None:
    bytes_ = compile_object(EVERYTHING, host())
    symbols = outside()
    if bytes_.startswith(b"\x7fELF"):
        symbols = cpu.resolve(cpu.parse(bytes_), symbols)
    check_everything(cpu.load_with_engine(bytes_, symbols))


@own_loader
def test_such_objects_need_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One engine costs ten times more memory and time: what the emitter writes must do without."""
    monkeypatch.delattr(cpu, "load_with_engine")
    check_everything(cpu.load(compile_object(EVERYTHING, host()), outside()))


@own_loader
@pytest.mark.parametrize("reloc", ["pic", "static"])
@pytest.mark.parametrize("model", ["default", "small", "medium", "large"])
def test_other_code_models_work_or_are_refused(reloc: str, model: str) -> None:
    binding = llvm()
    text = "@c = internal constant [2 x double] [double 1.5, double 2.5]\n"
    text += "define double @f(i64 %i) nounwind { %p = getelementptr double, ptr @c, i64 %i\n"
    text += " %v = load double, ptr %p\n ret double %v }"
    module = binding.parse_assembly(text)
    machine = binding.Target.from_triple(host().triple).create_target_machine(
        reloc=reloc, codemodel=model
    )
    object_bytes = machine.emit_object(module)
    # Addresses of 32 bits, which no loader can give; cells at a distance from a base of their own.
    refused = {
        ("static", "default"): "32 bits",
        ("static", "small"): "32 bits",
        ("pic", "medium"): "_GLOBAL_OFFSET_TABLE_",
        ("pic", "large"): "_GLOBAL_OFFSET_TABLE_",
    }
    if platform.machine() == "x86_64" and (reloc, model) in refused:
        with pytest.raises(cpu.LoadError, match=refused[reloc, model]):
            cpu.load(object_bytes)
        return
    f = cpu.load(object_bytes).function("f", c_double, c_int64)
    assert [f(0), f(1)] == [1.5, 2.5]


@own_loader
def test_what_can_be_written_to_goes_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "@n = internal global i64 40\ndefine i64 @f() nounwind { %o = load i64, ptr @n\n"
    text += " %v = add i64 %o, 1\n store i64 %v, ptr @n\n ret i64 %v }"
    object_bytes = compile_object(text, host())
    f = cpu.load(object_bytes).function("f", c_int64)
    assert [f(), f()] == [41, 42]
    monkeypatch.delattr(cpu, "load_with_engine")
    with pytest.raises(NameError):
        cpu.load(object_bytes)


@own_loader
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "@v = thread_local global i64 1\ndefine ptr @f() { ret ptr @v }",
            "which was not given|kind|flags",
        ),
        (
            "@llvm.global_ctors = appending global [1 x { i32, ptr, ptr }]"
            " [{ i32, ptr, ptr } { i32 1, ptr @f, ptr null }]\ndefine void @f() { ret void }",
            "a section .(ctors|init_array)",
        ),
        (
            "@i = ifunc i32 (), ptr @r\ndefine internal ptr @r() { ret ptr null }\n"
            "define i32 @f() { %v = call i32 @i()\n ret i32 %v }",
            "symbol of kind 10",
        ),
    ],
)
def test_what_no_program_needs_is_refused(text: str, message: str) -> None:
    """LLVM's engine would end the process, or never run the constructors."""
    with pytest.raises(cpu.LoadError, match=message):
        cpu.load(compile_object(text, host()))


def test_a_name_that_is_not_defined() -> None:
    with pytest.raises(cpu.LoadError, match="defines no 'g'"):
        cpu.load(small(1)).address("g")


def test_internal_names_are_not_seen() -> None:
    library = cpu.load(compile_object(EVERYTHING, host()), outside())
    assert library.address("seventh")
    with pytest.raises(cpu.LoadError, match="defines no 'tenth'"):
        library.address("tenth")


@own_loader
def test_a_name_that_was_not_given() -> None:
    symbols = outside()
    del symbols["outside"]
    with pytest.raises(cpu.LoadError, match="refers to 'outside', which was not given"):
        cpu.load(compile_object(EVERYTHING, host()), symbols)


def rights() -> dict[tuple[int, int], str]:
    """What may be done with each mapping of this process."""
    found = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end = line.split()[0].split("-")
        found[int(start, 16), int(end, 16)] = line.split()[1]
    return found


@own_loader
@pytest.mark.parametrize("way", ["own", "engine"])
def test_code_is_never_writeable_and_executable(way: str) -> None:
    object_bytes = compile_object(EVERYTHING, host())
    symbols = cpu.resolve(cpu.parse(object_bytes), outside())
    before = {place for place, right in rights().items() if "w" in right and "x" in right}
    library = (cpu.load if way == "own" else cpu.load_with_engine)(object_bytes, symbols)
    address = library.address("all")
    for place, right in rights().items():
        if place[0] <= address < place[1]:
            assert right == "r-xp"
        assert place in before or not ("w" in right and "x" in right)


def test_a_function_holds_its_library() -> None:
    f = cpu.load(small(3)).function("f", c_double, c_double)
    others = [cpu.load(small(4)) for _ in range(10)]
    gc.collect()
    assert f(2.0) == 6.5 and len(others) == 10


def resident() -> int:
    """Kibibytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def mappings() -> int:
    return Path("/proc/self/maps").read_text().count("\n")


@own_loader
def test_memory_comes_back_and_a_held_library_costs_about_a_page() -> None:
    objects = [small(i) for i in range(20)]
    for i in range(300):
        cpu.load(objects[i % 20])
    before, count = resident(), mappings()
    for i in range(10_000):
        library = cpu.load(objects[i % 20])
        assert library.address("f")
    assert resident() - before < 1500
    held = [cpu.load(objects[i % 20]) for i in range(3000)]
    assert resident() - before < 3000 * 8 + 1500
    assert mappings() - count < 1000  # a process may have 65,530
    assert held[7].function("f", c_double, c_double)(2.0) == 14.5
    del held, library
    gc.collect()
    assert resident() - before < 3000
    assert mappings() - count < 10


@own_loader
def test_loading_needs_no_llvm(tmp_path: Path) -> None:
    (tmp_path / "f.o").write_bytes(small(5))
    code = (
        "import sys, ctypes; from adjoint.runtime import cpu\n"
        "f = cpu.load(open(sys.argv[1], 'rb').read()).function('f', *[ctypes.c_double] * 2)\n"
        "assert f(2.0) == 10.5\n"
        "assert not [m for m in sys.modules if m.split('.')[0] in ('llvmlite', 'scipy')]\n"
    )
    run_python(code, str(tmp_path / "f.o"))


REFUSE = """
import ctypes, sys
from adjoint.runtime import cpu
data = open(sys.argv[1], "rb").read()
from adjoint.codegen.targets import llvm
llvm()
zero = [ctypes.c_ulong(0)] * 3
if ctypes.CDLL(None).prctl(65, ctypes.c_ulong(1), *zero):  # no page becomes executable from now on
    print("not known to this kernel")
    sys.exit()
for load in (cpu.load, lambda data: cpu.load_with_engine(data, {})):
    try:
        load(data)
    except cpu.LoadError as error:
        print(error)
"""


def run_python(code: str, *arguments: str) -> str:
    paths = [str(Path(cpu.__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.check_output(
        [sys.executable, "-c", code, *arguments], env=environment, text=True
    )


@own_loader
def test_a_system_that_forbids_executable_memory(tmp_path: Path) -> None:
    """As hardened services do (systemd's MemoryDenyWriteExecute): an error, never a signal."""
    (tmp_path / "f.o").write_bytes(small(5))
    out = run_python(REFUSE, str(tmp_path / "f.o")).splitlines()
    if out == ["not known to this kernel"]:
        pytest.skip("the kernel cannot be asked to forbid it")
    assert len(out) == 2
    assert all(line.startswith("the system forbids executable memory: ") for line in out)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")  # JAX, where it is loaded, warns
def test_code_survives_a_fork() -> None:
    library = cpu.load(small(6))
    f = library.function("f", c_double, c_double)
    if (child := os.fork()) == 0:
        ok = f(2.0) == 12.5 and cpu.load(small(7)).function("f", c_double, c_double)(2.0) == 14.5
        del f, library
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert f(2.0) == 12.5


# ---- damaged objects ----


def test_no_object_file() -> None:
    for data in (b"\x7fELF", b"\x7fELF" + bytes(100), b"\x7fELF\x02\x01" + bytes(200)):
        with pytest.raises(cpu.LoadError):
            cpu.parse(data)


@own_loader
def test_an_object_of_another_machine() -> None:
    data = bytearray(small(1))
    data[18:20] = (243).to_bytes(2, "little")
    with pytest.raises(cpu.LoadError, match="is for machine 243"):
        cpu.load(bytes(data))


@own_loader
def test_a_truncated_object_is_refused() -> None:
    data = compile_object(EVERYTHING, host())
    for length in range(0, len(data) - 1, 7):
        with pytest.raises((cpu.LoadError, cpu.Unsupported)):
            cpu.plan_image(cpu.parse(data[:length]))


@own_loader
def test_a_damaged_object_never_harms_the_loader() -> None:
    """It gives LoadError, goes to the engine, or loads (wrong code: the disk cache's checksum)."""
    data = compile_object(EVERYTHING, host())
    choose = random.Random(0)
    symbols = outside()
    for _ in range(600):
        damaged = bytearray(data)
        for _ in range(choose.choice([1, 1, 4])):
            damaged[choose.randrange(len(data))] = choose.randrange(256)
        try:
            parsed = cpu.parse(bytes(damaged))
            found = cpu.resolve(parsed, symbols)
            image = cpu.plan_image(parsed)
            if image.size < 1 << 24:
                cpu.fill(image, 0x7F0000000000, found)
        except (cpu.LoadError, cpu.Unsupported, IndexError, KeyError, struct.error):
            pass  # `load` turns the last three into LoadError


@own_loader
def test_a_distance_that_does_not_fit() -> None:
    text = "@far = external hidden global i32\ndefine i32 @f() nounwind { %v = load i32, ptr @far\n"
    object_bytes = compile_object(text + " ret i32 %v }", host())
    with pytest.raises(cpu.LoadError, match="needs a distance"):
        cpu.load(object_bytes, {"far": 0x10})


# ---- ARM relocations, read back by an independent decoder ----


def sign(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def arm_word(content: bytearray, place: int) -> int:
    return int.from_bytes(content[place : place + 4], "little")


BASE = 0x7F12_3456_7000


@pytest.mark.parametrize("distance", [0, 4, -4, 0xFFF, 0x12345678, -0x12345678, 1 << 31])
def test_arm_page_and_offset(distance: int) -> None:
    content = bytearray(struct.pack("<IIII", 0x90000003, 0x91000063, 0xF9400063, 0x3DC00063))
    value = BASE + distance & ~15
    kinds = cpu.KINDS[cpu.AARCH64]
    kinds[275][2](content, 0, value, BASE)
    word = arm_word(content, 0)
    assert word & 0x9F00001F == 0x90000003
    page = sign((word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3, 21)
    assert (BASE >> 12) + page == value >> 12
    for kind, place, scale, original in ((277, 4, 1, 0x91000063), (286, 8, 8, 0xF9400063)):
        kinds[kind][2](content, place, value, 0)
        word = arm_word(content, place)
        assert word & ~(0xFFF << 10) == original
        assert (word >> 10 & 0xFFF) * scale == value & 0xFFF
    kinds[299][2](content, 12, value, 0)
    assert (arm_word(content, 12) >> 10 & 0xFFF) * 16 == value & 0xFFF


@pytest.mark.parametrize("distance", [0, 4, -4, 0x7FFFFFC, -0x8000000])
def test_arm_branch(distance: int) -> None:
    content = bytearray(struct.pack("<I", 0x94000000))
    cpu.KINDS[cpu.AARCH64][283][2](content, 0, BASE + distance, BASE)
    word = arm_word(content, 0)
    assert word >> 26 == 0x25 and sign(word & 0x3FFFFFF, 26) * 4 == distance


@pytest.mark.parametrize(
    ("kind", "value"), [(283, BASE + 0x8000000), (275, BASE + (1 << 33)), (286, BASE + 4)]
)
def test_arm_values_that_do_not_fit(kind: int, value: int) -> None:
    with pytest.raises(cpu.LoadError):
        cpu.KINDS[cpu.AARCH64][kind][2](bytearray(4), 0, value, BASE)


def test_arm_calls_go_through_a_slot_where_the_name_is_outside() -> None:
    binding = llvm()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        target = binding.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError:
        pytest.skip("this llvmlite has no ARM target")
    module = binding.parse_assembly(EVERYTHING)
    module.triple = "aarch64-unknown-linux-gnu"
    parsed = cpu.parse(target.create_target_machine(reloc="pic").emit_object(module))
    far = {name: 0x1000 + 16 * i for i, name in enumerate(sorted(outside()))}
    found = cpu.resolve(parsed, far)
    image = cpu.plan_image(parsed)
    content = cpu.fill(image, BASE, found)
    calls = 0
    for section, offset, kind, symbol, _ in image.relocations:
        name = parsed.symbols[symbol].name
        place = image.offsets[section] + offset
        if kind == 283 and name in found:
            calls += 1
            slot = place + 4 * sign(arm_word(content, place) & 0x3FFFFFF, 26)
            # ldr x16, slot + 8; br x16; the address
            assert (arm_word(content, slot), arm_word(content, slot + 4)) == (
                0x58000050,
                0xD61F0200,
            )
            assert int.from_bytes(content[slot + 8 : slot + 16], "little") == found[name]
    assert calls == 2  # outside, fmod


# ---- routines of others ----


def fortran(address: int, *arguments: object, restype: object = None) -> object:
    """Calls a routine in the Fortran manner: every argument by its address."""
    cells = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            cells.append(ctypes.c_void_p(argument.ctypes.data))
        else:
            kind = {str: lambda t: c_char(t.encode()), int: c_int, float: c_double}
            cells.append(byref(kind[type(argument)](argument)))  # type: ignore[operator]
    return ctypes.CFUNCTYPE(restype, *[ctypes.c_void_p] * len(cells))(address)(*cells)  # type: ignore[arg-type]


def test_blas() -> None:
    a, b, c = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4), np.zeros((2, 4))
    # Column-major: the product of the transposes, in reverse order.
    fortran(cpu.blas("dgemm"), "N", "N", 4, 2, 3, 1.0, b, 4, a, 3, 0.0, c, 4)
    assert np.array_equal(c, a @ b)
    assert fortran(cpu.blas("ddot"), 3, a, 1, b, 1, restype=c_double) == 0 * 0 + 1 * 1 + 2 * 2


def test_lapack() -> None:
    a = np.array([[4.0, 1.0], [2.0, 3.0]])
    columns, x = a.T.copy(), np.array([1.0, 2.0])
    pivots, info = np.zeros(2, np.int32), np.array([-1], np.int32)
    fortran(cpu.lapack("dgesv"), 2, 1, columns, 2, pivots, x, 2, info)
    assert info[0] == 0
    assert np.allclose(a @ x, [1.0, 2.0], rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "signature", "arguments"),
    [
        ("gammaln", "double(double)", (4.5,)),
        ("psi", "double(double)", (2.5,)),
        ("erfinv", "double(double)", (0.3,)),
        ("jv", "double(double, double)", (1.5, 2.0)),
        ("gammainc", "double(double, double)", (1.5, 2.0)),
        ("betainc", "double(double,double,double)", (1.5, 2.0, 0.25)),
        ("hyp2f1", "double(double, double, double, double)", (0.5, 1.5, 2.5, 0.25)),
        ("expit", "float(float)", (0.75,)),
    ],
)
def test_special(name: str, signature: str, arguments: tuple[float, ...]) -> None:
    import scipy.special

    number = ctypes.c_float if signature.startswith("float") else c_double
    prototype = ctypes.CFUNCTYPE(number, *[number] * len(arguments), c_int)
    given = prototype(cpu.special(name, signature))(*arguments, 0)
    dtype = np.float32 if number is ctypes.c_float else np.float64
    assert given == getattr(scipy.special, name)(*(dtype(a) for a in arguments))


def test_special_with_outputs_behind_pointers() -> None:
    import scipy.special

    address = cpu.special("sici", "void(double, double *, double *)")
    si, ci = c_double(), c_double()
    ctypes.CFUNCTYPE(None, c_double, *[POINTER(c_double)] * 2)(address)(1.5, byref(si), byref(ci))
    assert (si.value, ci.value) == scipy.special.sici(1.5)


def test_every_scalar_special_function_of_the_package_has_an_address() -> None:
    for name in "gammaln psi erf erfc erfinv jv yv iv kv ndtr log_ndtr".split():
        assert any(s.startswith("double(") for s in cpu.special_signatures(name)), name


def test_libm() -> None:
    assert ctypes.CFUNCTYPE(c_double, c_double, c_double)(cpu.libm("fmod"))(7.5, 2.0) == 1.5
    assert ctypes.CFUNCTYPE(c_double, c_double)(cpu.libm("cbrt"))(27.0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cpu.blas("dgemmm"), "no BLAS routine named 'dgemmm'"),
        (lambda: cpu.lapack("nothing"), "no LAPACK routine named 'nothing'"),
        (lambda: cpu.special("gammaln", "int(int)"), "it has: double\\(double\\)"),
        (lambda: cpu.special("nothing"), "it has: nothing of this name"),
        (lambda: cpu.libm("no_such_function"), "has no no_such_function"),
    ],
)
def test_routines_that_do_not_exist(call, message: str) -> None:
    with pytest.raises(LookupError, match=message):
        call()
    assert cpu.libm("fmod") == cpu.libm("fmod")
