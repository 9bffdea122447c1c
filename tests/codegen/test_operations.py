"""Every elementwise operation's native code against NumPy, bit for bit (payloads of NaN aside).

Many loops are compiled in one module: `Kernels` has one function for each `Job`.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from codegen.kernels import kind_of as memory_kind

import adjoint  # noqa: F401  (fills the registry of primitives)
from adjoint.base.dtypes import Type
from adjoint.codegen.builder import Builder, Value
from adjoint.codegen.compile import compile_object
from adjoint.codegen.mathlib.registry import FUNCTIONS, definitions
from adjoint.codegen.operations import (
    OPERATIONS,
    combine,
    convert,
    emit,
    external_address,
    external_signature,
    horizontal,
    identity,
    kind_of,
    supports,
)
from adjoint.codegen.operations.external import call_external
from adjoint.codegen.operations.special import (
    COMPOSITIONS,
    NUMPY_STEPS,
    SCIPY_NAMES,
    SEVERAL,
    special_loop,
)
from adjoint.codegen.targets import Target, host, llvm, target_machine, without
from adjoint.graph.primitive import Scalar, registry
from adjoint.ops.declare import Lazy

FLOATS = [np.dtype(d) for d in "df"]
INTEGERS = [np.dtype(d) for d in ("i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1")]
BOOL = np.dtype(bool)
NATIVE = [*FLOATS, *INTEGERS, BOOL]
ELEMENTWISE = {p.code.name: p for p in registry.values() if isinstance(p.code, Scalar)}
EXACT = {name: p for name, p in ELEMENTWISE.items() if name in OPERATIONS and name != "convert"}
MIXED = ["i8 u8", "u8 i8", "i4 u4", "i1 u1", "f4 i4", "f8 i8", "u8 f4", "?1 i2", "f4 f8", "u1 i8"]

# --------------------------------------------------------------------------------------- machinery


class Job(NamedTuple):
    """One operation in one choice of dtypes."""

    name: str
    operands: tuple[np.dtype, ...]
    result: np.dtype
    parameters: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.operands))}) {self.parameters or ''}"


class ServiceBuilder(Builder):
    """Gets services from a table of pointers."""

    services: dict[str, int]

    def service(self, name: str) -> Value:
        place = self.services.setdefault(name, len(self.services))
        slot = self.put(f"getelementptr ptr, ptr %services, i64 {place}", "ptr", 1, ())
        return self.put(f"load ptr, ptr {slot.text}", "ptr", 1, (slot,))


class Kernels:
    """Loops over arrays, one for each job, in one module."""

    def __init__(
        self,
        jobs: Sequence[Job],
        lanes: int = 8,
        target: Target | None = None,
        inline: bool = False,
        words: Target | None = None,
        write: Callable[..., Value] = emit,
    ) -> None:
        target = target or host()  # the machine; `words`: the target that the text is written for
        self.jobs, self.lanes = list(jobs), lanes
        self.services: dict[str, int] = {}
        texts, declarations = [], set()
        functions: dict[tuple[str, str, int], None] = {}
        for number, job in enumerate(self.jobs):
            b = ServiceBuilder(words or target, lanes)
            b.services = self.services
            values = []
            for k, dtype in enumerate(job.operands):
                kind = memory_kind(dtype)
                b.lines.append(f"  %a{k} = getelementptr {kind}, ptr %p{k}, i64 %i")
                x = Value(b, f"%x{k}", kind, lanes)
                b.lines.append(f"  {x.text} = load {x.type}, ptr %a{k}, align 1")
                values.append(b.compare("ne", x, 0) if dtype.kind == "b" else x)
            y = write(b, job.name, job.result, job.operands, job.parameters, *values)
            assert y.kind == kind_of(job.result), job
            y = b.splat(y, lanes)
            if y.kind == "i1":
                y = b.cast("zext", y, "i8")
            pointers = "".join(f"ptr %p{k}, " for k in range(len(values)))
            texts += [
                f"define void @loop{number}({pointers}ptr %r, i64 %n, ptr %services) {{",
                "entry:",
                "  br label %body",
                "body:",
                "  %i = phi i64 [0, %entry], [%next, %body]",
                *b.lines,
                f"  %o = getelementptr {y.kind}, ptr %r, i64 %i",
                f"  store {y!r}, ptr %o, align 1",
                f"  %next = add i64 %i, {lanes}",
                "  %more = icmp slt i64 %next, %n",
                "  br i1 %more, label %body, label %done",
                "done:",
                "  ret void",
                "}",
            ]
            declarations |= b.declarations
            functions.update(b.functions)
        found, more = definitions(functions, words or target, lambda name: inline)
        text = "\n".join([*sorted(declarations | more), *found, *texts])
        binding = llvm()
        machine = target_machine(target, 1)  # the engine owns it from here on
        self.engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        code = binding.ObjectFileRef.from_data(compile_object(text, target, 1))
        self.engine.add_object_file(code)
        code.detach()
        self.engine.finalize_object()
        self.addresses = (ctypes.c_void_p * max(1, len(self.services)))(
            *[external_address(name) for name in self.services]
        )

    def __call__(self, number: int, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """The results of one job for flat arrays of one length."""
        job = self.jobs[number]
        n = arrays[0].size
        size = -(-n // self.lanes) * self.lanes
        padded = []
        for x, dtype in zip(arrays, job.operands, strict=True):
            p = np.ones(size, dtype)
            p[:n] = x
            padded.append(p)
        out = np.empty(size, job.result)
        address = self.engine.get_function_address(f"loop{number}")
        types = [ctypes.c_void_p] * (len(arrays) + 1)
        call = ctypes.CFUNCTYPE(None, *types, ctypes.c_int64, ctypes.c_void_p)(address)
        call(*[p.ctypes.data for p in padded], out.ctypes.data, size, self.addresses)
        return out[:n]


SPECIAL = [0.0, 1.0, 0.5, 1.5, 2.5, 3.0, 7.0, np.inf, np.nan, 0.1, 2.0**31, 2.0**32, 2.0**63, 3e9]
WHOLE = (0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 100)


@lru_cache(maxsize=64)
def special_values(dtype: np.dtype) -> np.ndarray:
    """Zeros, ends of ranges, infinities, NaN."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        more = [limits.smallest_subnormal, limits.tiny, limits.max, limits.eps, 1 - limits.epsneg]
        values = np.array([*SPECIAL, *more, 2.0**63 * (1 - limits.eps)], dtype)
        return np.concatenate([values, -values])
    limits = np.iinfo(dtype)
    values = [w for w in WHOLE if w <= limits.max] + [limits.max, limits.max - 1, limits.max // 2]
    if dtype.kind == "i":
        values += [-w for w in values] + [limits.min]
    return np.array(values, dtype)


@lru_cache(maxsize=64)
def random_values(dtype: np.dtype, seed: int, n: int = 400) -> np.ndarray:
    """Numbers of moderate size and, every other one, of all sizes."""
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.random(n) < 0.5
    bits = rng.integers(0, 256, n * dtype.itemsize, np.uint8).view(dtype)
    if dtype.kind == "f":
        moderate = (rng.normal(size=n) * 10.0 ** rng.integers(-3, 7, n)).astype(dtype)
    else:
        moderate = rng.integers(-100 if dtype.kind == "i" else 0, 100, n).astype(dtype)
    return np.where(np.arange(n) % 2, bits, moderate)


def arguments(dtypes: Sequence[np.dtype]) -> list[np.ndarray]:
    """Special values (all pairs of them) and random ones."""
    if len(dtypes) == 1:
        special = [special_values(dtypes[0])]
    else:
        rows = [special_values(d) for d in dtypes]
        if len(dtypes) == 3:
            rows = [r[:: max(1, len(r) // 10)] for r in rows]
        special = [x.ravel() for x in np.meshgrid(*rows, indexing="ij")]
    random = [random_values(d, k) for k, d in enumerate(dtypes)]
    return [np.concatenate([s, r]) for s, r in zip(special, random, strict=True)]


def result_of(name: str, operands: Sequence[np.dtype], parameters: dict[str, Any]) -> Any:
    """The dtype that the primitive gives, None where NumPy has no such operation."""
    try:
        found = ELEMENTWISE[name].infer(*[Type((), d) for d in operands], **parameters)
    except (TypeError, ValueError):
        return None
    return found.dtype if isinstance(found, Type) else tuple(t.dtype for t in found)


def arity(name: str) -> int:
    """How many operands an operation takes."""
    return len(ELEMENTWISE[name].cases(np.random.default_rng(0))[0].inputs)


def jobs_of(name: str, choices: Sequence[Sequence[np.dtype]]) -> list[Job]:
    """The jobs of an operation in the choices of dtypes that it has code for."""
    found = []
    for parameters in [{"decimals": d} for d in (-2, 0, 1, 12)] if name == "round" else [{}]:
        for operands in choices:
            result = result_of(name, operands, parameters)
            if result is not None and supports(name, result, operands) is None:
                found.append(Job(name, tuple(operands), result, parameters))
    return found


def choices_of(name: str, dtypes: Sequence[np.dtype], mixed: bool) -> list[tuple[np.dtype, ...]]:
    """All operands of one dtype, and some mixtures."""
    n = arity(name)
    if name == "select":
        return [(BOOL, d, d) for d in dtypes]
    if name == "ldexp":
        whole = [d for d in dtypes if d.kind in "iu"]
        return [(x, k) for x in dtypes if x.kind == "f" for k in whole]
    found = [(d,) * n for d in dtypes]
    if mixed and n == 2:
        found += [tuple(np.dtype(k.replace("?1", "?")) for k in pair.split()) for pair in MIXED]
    return found


def expected(job: Job, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """What NumPy gives."""
    with np.errstate(all="ignore"):
        return np.asarray(ELEMENTWISE[job.name].evaluate(*arrays, **job.parameters))


def differences(job: Job, arrays: Sequence[np.ndarray], got: Any, want: Any) -> np.ndarray:
    """Where two results differ in a bit, NaN payloads aside."""
    assert want.dtype == got.dtype == job.result, (job, want.dtype, got.dtype)
    if got.dtype.kind != "f":
        return np.flatnonzero(got != want)
    same = got.view(f"u{got.itemsize}") == want.view(f"u{got.itemsize}")
    if job.name in ("fmax", "fmin"):  # of two zeros NumPy takes one or the other
        same |= (got == 0) & (want == 0)
    return np.flatnonzero(~(same | (np.isnan(got) & np.isnan(want))))


def check(jobs: Sequence[Job], *args: Any, **options: Any) -> None:
    """Compile, run and compare; the message tells all that differ."""
    kernels = Kernels(jobs, *args, **options)
    wrong = []
    for number, job in enumerate(jobs):
        arrays = arguments(job.operands)
        if job.name == "convert":
            arrays = [within(arrays[0], job.result)]
        want = expected(job, arrays)
        got = kernels(number, arrays)
        bad = differences(job, arrays, got, want)
        if len(bad):
            rows = [f"{[x[k] for x in arrays]}: {got[k]!r}, not {want[k]!r}" for k in bad[:3]]
            wrong.append(f"{job}: {len(bad)} of {len(got)} differ: {'; '.join(rows)}")
    assert not wrong, "\n" + "\n".join(wrong)


def within(x: np.ndarray, result: np.dtype) -> np.ndarray:
    """Without the floats for which NumPy's uint32 depends on their place in the array."""
    if x.dtype.kind == "f" and result == np.uint32:
        return x[(x > -(2.0**31)) & (x < 2.0**32)]
    return x


def exact_jobs(dtypes: Sequence[np.dtype], mixed: bool) -> list[Job]:
    names = [n for n in EXACT if n != "pow"]
    return [j for name in names for j in jobs_of(name, choices_of(name, dtypes, mixed))]


CONFIGURATIONS: dict[str, tuple[int, Callable[[], Target]]] = {
    "one lane": (1, host),
    "two lanes": (2, host),
    "four lanes": (4, host),
    "sixteen lanes": (16, host),
    "avx2": (8, lambda: without(host(), "avx512")),
    "sse4": (4, lambda: without(host(), "avx", "fma")),
    "sse2": (2, lambda: without(host(), "avx", "fma", "sse4", "ssse3", "sse3", "popcnt")),
}
SOME = [np.dtype(d) for d in ("f8", "f4", "i8", "i4", "u1", "?")]

# ------------------------------------------------------------------------------------------- tests


def test_every_operation_in_every_dtype() -> None:
    check(exact_jobs(NATIVE, mixed=True))


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_lanes_and_targets(configuration: str) -> None:
    lanes, target = CONFIGURATIONS[configuration]
    check(exact_jobs(SOME, mixed=False), lanes, target())


@pytest.mark.slow
@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_lanes_and_targets_in_every_dtype(configuration: str) -> None:
    lanes, target = CONFIGURATIONS[configuration]
    check(exact_jobs(NATIVE, mixed=True), lanes, target())


def conversions(dtypes: Sequence[np.dtype]) -> list[Job]:
    pairs = itertools.product(dtypes, dtypes)
    return [Job("convert", (a,), b, {"dtype": b}) for a, b in pairs if a != b]


def test_conversions() -> None:
    check(conversions(NATIVE))


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_conversions_on_targets(configuration: str) -> None:
    lanes, target = CONFIGURATIONS[configuration]
    check(conversions(NATIVE), lanes, target())


@pytest.mark.parametrize("constant", [True, False], ids=["a constant", "a number"])
@pytest.mark.parametrize("place", [0, 1])
def test_an_operand_that_is_no_vector(place: int, constant: bool) -> None:
    """A constant, or one number that all lanes share, beside vectors."""

    def write(b: Builder, name: str, result: Any, operands: Any, p: Any, *values: Value) -> Value:
        chosen = list(values)
        one = b.constant(values[place].kind, 3) if constant else b.part(values[place], 0, 1)
        chosen[place] = one
        return emit(b, name, result, operands, p, *chosen)

    jobs = [job for job in exact_jobs(SOME, mixed=False) if len(job.operands) > place]
    kernels = Kernels(jobs, 4, write=write)
    wrong = []
    for number, job in enumerate(jobs):
        arrays = [x[: len(x) // 4 * 4] for x in arguments(job.operands)]
        got = kernels(number, arrays)
        shared = arrays[place].reshape(-1, 4)[:, :1].repeat(4, axis=1).ravel()
        arrays[place] = np.full_like(shared, 3) if constant else shared
        bad = differences(job, arrays, got, expected(job, arrays))
        wrong += [f"{job}: {[x[k] for x in arrays]}: {got[k]!r}" for k in bad[:1]]
    assert not wrong, "\n" + "\n".join(wrong)


def test_functions_with_loops_inside_loops() -> None:
    names = ("remainder", "fmod", "gcd", "lcm")
    check([j for n in names for j in jobs_of(n, choices_of(n, SOME, False))], inline=True)


def test_powers_of_unsigned_integers() -> None:
    dtypes = [d for d in INTEGERS if d.kind == "u"]
    jobs = jobs_of("pow", [(d, d) for d in dtypes])
    assert len(jobs) == len(dtypes)
    check(jobs)
    check(jobs, 1)
    assert "negative exponents" in str(supports("pow", np.int64, (np.dtype("i8"),) * 2))


def test_conversions_on_arm_saturate() -> None:
    jobs = [Job("convert", (a,), b) for a in FLOATS for b in INTEGERS if b.itemsize >= 4]
    words = host()._replace(triple="aarch64-unknown-linux-gnu")
    kernels = Kernels(jobs, words=words)
    for number, job in enumerate(jobs):
        (x,) = arguments(job.operands)
        limits = np.iinfo(job.result)
        whole = [int(v) if np.isfinite(v) else int(np.sign(np.nan_to_num(v))) << 99 for v in x]
        want = [min(max(v, limits.min), limits.max) for v in whole]
        assert kernels(number, [x]).tolist() == want, job


# ------------------------------------------------------------------------------- SciPy's functions


def scipy_names() -> list[str]:
    """The primitives that are ufuncs of SciPy with one result."""
    lazy = [n for n, p in ELEMENTWISE.items() if isinstance(p.reference, Lazy)]
    return [n for n in lazy if n not in SEVERAL and n not in NUMPY_STEPS]


def sampled(name: str) -> list[tuple[Job, list[np.ndarray]]]:
    """A primitive's own sample calls with real numbers, special values among them."""
    found = []
    for case in ELEMENTWISE[name].cases(np.random.default_rng(1)):
        arrays = [np.asarray(x) for x in case.inputs]
        dtypes = tuple([x.dtype for x in arrays])
        result = result_of(name, dtypes, {})
        if all(d in NATIVE for d in (*dtypes, result)):
            flat = [x.ravel() for x in np.broadcast_arrays(*arrays)]
            found.append((Job(name, dtypes, result), flat))
    return found


def signature_of(job: Job) -> Any:
    """The C function for a job."""
    loop = special_loop(job.name, job.operands)
    return external_signature(SCIPY_NAMES.get(job.name, job.name), loop)


def write_external(
    b: Builder, name: str, result: Any, operands: Any, parameters: Any, *values: Value
) -> Value:
    """SciPy's C function, whatever mathlib has."""
    loop = special_loop(name, operands)
    found = [convert(b, v, d, e) for v, d, e in zip(values, operands, loop[0], strict=True)]
    signature = external_signature(SCIPY_NAMES.get(name, name), loop)
    return convert(b, call_external(b, signature, tuple(found)), loop[1], result)


@pytest.mark.parametrize("lanes", [1, 4])
def test_exported_functions_have_the_ufuncs_bits(lanes: int) -> None:
    pairs = [pair for name in scipy_names() for pair in sampled(name)]
    pairs = [pair for pair in pairs if signature_of(pair[0])]
    kernels = Kernels([job for job, _ in pairs], lanes, write=write_external)
    wrong = []
    for number, (job, arrays) in enumerate(pairs):
        want, got = expected(job, arrays), kernels(number, arrays)
        bad = differences(job, arrays, got, want)
        wrong += [f"{job}: {[x[k] for x in arrays]}: {got[k]!r}, not {want[k]!r}" for k in bad[:1]]
    assert not wrong, "\n" + "\n".join(wrong)
    assert len({job.name for job, _ in pairs}) > 90


def test_functions_that_scipy_does_not_export() -> None:
    missing = {
        f"{job.name} {job.result}"
        for name in scipy_names()
        for job, _ in sampled(name)
        if signature_of(job) is None
    }
    assert missing == {"xlogy float32", "xlog1py float32"}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions(name: str) -> None:
    needs = COMPOSITIONS[name].needs
    if not all(n in FUNCTIONS for n in needs):
        pytest.skip(f"mathlib lacks one of {needs}")
    jobs = jobs_of(name, [(d,) * arity(name) for d in FLOATS])
    kernels = Kernels(jobs)
    for number, job in enumerate(jobs):
        arrays = arguments(job.operands)
        size = np.finfo(job.result)
        with np.errstate(all="ignore"):
            arrays = [np.where((abs(x) > 1e30) & (abs(x) < np.inf), x * 0 + 1, x) for x in arrays]
            arrays = [np.where((abs(x) < 1e-30), x * 0, x) for x in arrays]
        want, got = expected(job, arrays).astype(float), kernels(number, arrays).astype(float)
        with np.errstate(all="ignore"):
            scale = abs(want) * (8 if name == "pseudo_huber" else 1) + (
                sum(abs(x.astype(float)) for x in arrays) * (name == "kl_div")
            )
            close = (got == want) | (abs(got - want) <= 8 * size.eps * scale + size.tiny)
        bad = np.flatnonzero(~(close | (np.isnan(got) & np.isnan(want))))
        rows = [(*(x[k] for x in arrays), got[k], want[k]) for k in bad[:5]]
        assert not rows, (job, rows)


def test_integers_become_floats_in_mathlib() -> None:
    names = [n for n in ("exp", "sin", "log", "arctan2", "hypot") if n in FUNCTIONS]
    choices = [np.dtype(d) for d in ("i8", "u4", "i2")]
    jobs = [j for n in names for j in jobs_of(n, [(d,) * arity(n) for d in choices])]
    assert {j.result.name for j in jobs} <= {"float32", "float64"}
    kernels = Kernels(jobs)
    for number, job in enumerate(jobs):
        arrays = [np.arange(1, 40).astype(d) for d in job.operands]
        np.testing.assert_allclose(kernels(number, arrays), expected(job, arrays), 1e-6)


# ------------------------------------------------------------------------------- what is not native

HANKEL = ("hankel1", "hankel2", "hankel1e", "hankel2e")
NOT_NATIVE = {
    **dict.fromkeys(SEVERAL, "several results"),
    **dict.fromkeys(HANKEL, "complex128 is no native dtype"),
    **NUMPY_STEPS,
}


def test_every_elementwise_primitive_is_native_or_has_a_reason() -> None:
    """In float64, or in the dtypes of its first sample call where it takes no floats."""
    for name in ELEMENTWISE:
        operands = tuple(
            [BOOL] * (name == "select") + [FLOATS[0]] * (arity(name) - (name == "select"))
        )
        parameters = {"dtype": FLOATS[1]} if name == "convert" else {}
        parameters |= {"decimals": 1} if name == "round" else {}
        if name == "ldexp":
            operands = (FLOATS[0], INTEGERS[0])
        result = result_of(name, operands, parameters)
        if result is None:
            operands = (INTEGERS[0],) * arity(name)
            result = result_of(name, operands, parameters)
        if name.startswith("eval_hermite"):
            operands = (INTEGERS[0], FLOATS[0])
        reason = supports(name, result, operands)
        if reason is not None and reason.startswith("mathlib has no"):
            continue  # it says itself what is missing
        assert reason == NOT_NATIVE.get(name), name


def test_reasons() -> None:
    double, half = np.dtype("f8"), np.dtype("f2")
    assert supports("add", half, (half, half)) == "float16 is no native dtype"
    assert "float16" in str(supports("sqrt", double, (np.dtype("i1"),)))
    assert "complex128" in str(supports("add", np.dtype("c16"), (double, double)))
    assert supports("sub", BOOL, (BOOL, BOOL))  # NumPy's own message
    swapped = double.newbyteorder()
    assert supports("add", double, (swapped, double)) == f"{swapped} is no native dtype"
    with pytest.raises(TypeError, match="sqrt: NumPy computes it in float16"):
        emit(Builder(host()), "sqrt", double, (np.dtype("i1"),), {})


# --------------------------------------------------------------------------------------- reductions

REDUCTIONS = {
    "sum": np.add,
    "prod": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "any": np.logical_or,
    "all": np.logical_and,
}


def write_horizontal(
    b: Builder, name: str, result: Any, operands: Any, parameters: Any, x: Value
) -> Value:
    """All lanes, and the identity, combined."""
    first = b.constant(kind_of(result), identity(name, result))
    return combine(b, name, result, first, horizontal(b, name, result, x))


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16])
def test_lanes_are_combined_in_pairs(lanes: int) -> None:
    dtypes = [np.dtype(d) for d in ("f8", "f4", "i8", "u1", "i4", "?")]
    jobs = [
        Job(n, (d,), d) for n in REDUCTIONS for d in dtypes if (n in ("any", "all")) == (d == BOOL)
    ]
    kernels = Kernels(jobs, lanes, write=write_horizontal)
    for number, job in enumerate(jobs):
        values = arguments(job.operands)[0]
        values = values[: len(values) // lanes * lanes]
        rows, ufunc = values.reshape(-1, lanes), REDUCTIONS[job.name]
        with np.errstate(all="ignore"):
            while rows.shape[1] > 1:
                half = rows.shape[1] // 2
                rows = ufunc(rows[:, :half], rows[:, half:])
            want = ufunc(identity(job.name, job.result), rows[:, 0]).astype(job.result)
        got = kernels(number, [values])[::lanes]
        assert not len(differences(job, [rows], got, want)), job


def test_identities_change_nothing() -> None:
    for name, ufunc in {**REDUCTIONS, "fmax": np.fmax, "fmin": np.fmin}.items():
        for dtype in [BOOL] if name in ("any", "all") else [*FLOATS, *INTEGERS]:
            x = special_values(dtype)
            found = ufunc(identity(name, dtype), x)
            assert identity(name, dtype).dtype == dtype
            assert np.array_equal(found, x, equal_nan=True), (name, dtype)
    assert np.signbit(identity("sum", np.dtype(float))) == np.signbit(np.sum([]))
