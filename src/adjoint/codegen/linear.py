"""Dense linear algebra as routines: LLVM IR that calls LAPACK and BLAS for the matrices of a stack.

Enters: `double` or `float`.  Leaves: a module's text with the functions that `codegen.routines`
lists.  Matrices come and go in rows.  Where LAPACK, which has columns, is to see the matrix that
NumPy shows it, so that both take the same pivots, signs and decisions, the matrix is turned while
it is copied (it must be copied anyway); right sides stay in rows, the equation
being transposed, and a Cholesky factor is that of the other triangle, in place.

`count` matrices lie side by side; of an input with `stacked` 0 there is one for all.  A singular or
not positive definite matrix sets `status`: the caller evaluates with NumPy, which raises the error.
"""

from __future__ import annotations

from functools import lru_cache

from .lines import Code
from .targets import Target

TILE = 16  # rows and columns of a block that is transposed at once
LETTER = {"double": "d", "float": "s"}
BYTES = {"double": 8, "float": 4}
EXTERNALS = {
    "solve": ("lapack getrf", "blas trsm"),
    "inv": ("lapack getrf", "blas trsm"),
    "det": ("lapack getrf",),
    "slogdet": ("lapack getrf", "libm log"),
    "adjugate": ("lapack getrf", "blas trsm"),
    "cholesky": ("lapack potrf",),
    "triangular_solve": ("blas trsm",),
    "qr": ("lapack geqrf", "lapack orgqr"),
    "eigvalsh": ("lapack syevd",),
}
SERIAL = 40_000  # elements of the right sides up to which one thread solves
STRIP = 7  # right sides that are solved at once then
BLOCK = 64  # columns of a block of LAPACK's, at most


def externals(name: str, kind: str) -> tuple[str, ...]:
    """The services that a routine needs."""
    found = []
    for service in EXTERNALS[name]:
        library, routine = service.split()
        found.append(service if library == "libm" else f"{library} {LETTER[kind]}{routine}")
    return tuple(found)


def workspace_bytes(service: str, numbers: list[int]) -> int:
    """Bytes of workspace of a routine; what it takes it takes in this order."""
    name, kind = service.split(".")
    size, n = BYTES[kind], numbers[0]
    cells = {
        "qr": lambda: 2 * n * max(numbers[1:]) + numbers[1] + BLOCK * max(numbers[1:]) + n * n,
        "eigvalsh": lambda: n * n + (BLOCK + 2) * n + 2 * (3 + 5 * n),
        "cholesky": lambda: 0,
        "triangular_solve": lambda: 0,
    }.get(name, lambda: n * n + n)()  # factors and pivots
    return size * cells + 256


@lru_cache(maxsize=4)
def module_text(target: Target, kind: str) -> str:
    """All routines for a kind."""
    module = Module(kind)
    functions = [
        module.transpose(), module.copy(), module.factor(), module.triangle(), module.substitute(),
        module.solve(), module.inv(),
        module.determinant(), module.det(), module.slogdet(), module.adjugate(), module.cholesky(),
        module.triangular_solve(), module.qr(), module.eigvalsh(),
    ]  # fmt: skip
    head = f'target triple = "{target.triple}"'
    return "\n".join([head, *sorted(module.declarations), "", *functions])


class Module:
    """The functions of one kind of numbers."""

    def __init__(self, kind: str) -> None:
        self.kind, self.size = kind, BYTES[kind]
        self.declarations: set[str] = set()

    def define(self, c: Code, name: str, numbers: str, inputs: str) -> str:
        """A routine's text."""
        parts = ["i64 %count", *[f"i64 %{x}" for x in numbers.split()], "ptr noalias %out"]
        parts += [f"ptr %{x}" for x in inputs.split()]
        parts += ["ptr noalias %workspace", "ptr %status"]
        parts += [f"ptr %f{k}" for k in range(len(EXTERNALS[name]))]
        return c.define(f"{name}.{self.kind}", ", ".join(parts), "")

    def at(self, c: Code, pointer: str, index: str | int) -> str:
        """The address of an element."""
        return c.put(f"getelementptr {self.kind}, ptr {pointer}, i64 {index}")

    def get(self, c: Code, pointer: str, index: str | int) -> str:
        return c.load(self.kind, self.at(c, pointer, index), self.size)

    def put(self, c: Code, x: str, pointer: str, index: str | int) -> None:
        c.store(self.kind, x, self.at(c, pointer, index), self.size)

    def matrix(self, c: Code, pointer: str, number: str, cells: str, stacked: str = "1") -> str:
        """The start of a matrix in a stack."""
        return self.at(c, pointer, c.i64("mul", c.i64("mul", number, stacked), cells))

    def whole(self, c: Code, x: str | int) -> str:
        """A cell with an integer of 32 bits, as LAPACK takes it."""
        narrow = c.put(f"trunc i64 {x} to i32")
        return c.cell("i32", narrow)

    def letter(self, c: Code, x: str) -> str:
        """A cell with a letter."""
        return c.cell("i8", ord(x))

    def chosen(self, c: Code, condition: str, a: str, b: str) -> str:
        """A cell with one of two letters."""
        return c.cell("i8", c.choose(condition, ord(a), ord(b), "i8"))

    def call(self, c: Code, function: str, *pointers: str) -> None:
        """Call a routine of LAPACK's or BLAS's."""
        c.do(f"call void {function}({', '.join(f'ptr {p}' for p in pointers)})")

    def failed(self, c: Code, condition: str) -> None:
        """Set the status where a condition holds."""
        old = c.load("i64", "%status", 8)
        bad = c.put(f"zext i1 {condition} to i64")
        c.store("i64", c.i64("or", old, bad), "%status", 8)

    def is_bad(self, c: Code, info: str) -> str:
        """Whether LAPACK says so."""
        return c.put(f"icmp ne i32 {c.load('i32', info, 4)}, 0")

    # ---------------------------------------------------------------------------------- helpers

    def transpose(self) -> str:
        """to[j, i] = from[i, j]."""
        c = Code()
        with c.loop(0, "%rows", TILE) as row:
            last_row = c.least(c.i64("add", row, TILE), "%rows")
            with c.loop(0, "%columns", TILE) as column:
                last_column = c.least(c.i64("add", column, TILE), "%columns")
                with c.loop(row, last_row) as i:
                    start = self.at(c, "%from", c.i64("mul", i, "%columns"))
                    goal = self.at(c, "%to", i)
                    with c.loop(column, last_column) as j:
                        self.put(c, self.get(c, start, j), goal, c.i64("mul", j, "%rows"))
        return c.define("transpose", "ptr %to, ptr %from, i64 %rows, i64 %columns")

    def copy(self) -> str:
        """to[i] = from[i]."""
        c = Code()
        lanes = 16 // self.size
        vector = f"<{lanes} x {self.kind}>"
        blocks = c.i64("and", "%n", -lanes)
        with c.loop(0, blocks, lanes) as i:
            found = c.load(vector, self.at(c, "%from", i), self.size)
            c.store(vector, found, self.at(c, "%to", i), self.size)
        with c.loop(blocks, "%n") as i:
            self.put(c, self.get(c, "%from", i), "%to", i)
        return c.define("copy", "ptr %to, ptr %from, i64 %n")

    def factor(self) -> str:
        """P, L and U of one matrix, in columns."""
        c = Code()
        c.do("call void @transpose(ptr %lu, ptr %a, i64 %n, i64 %n)")
        n = self.whole(c, "%n")
        self.call(c, "%getrf", n, n, "%lu", n, "%pivots", "%info")
        return c.define("factor", "ptr %lu, ptr %pivots, ptr %a, i64 %n, ptr %info, ptr %getrf")

    def factored(self, c: Code, a: str, square: str) -> tuple[str, str, str]:
        """Factor a matrix in the workspace: the factors, the pivots, what LAPACK said."""
        pivots = self.at(c, "%workspace", square)
        info = c.cell("i32", 0)
        c.do(
            f"call void @factor(ptr %workspace, ptr {pivots}, ptr {a}, i64 %n, ptr {info}, ptr %f0)"
        )
        return "%workspace", pivots, info

    # -------------------------------------------------------------------------------- equations

    def triangle(self) -> str:
        """x becomes the solution of a triangular system from the right.  Small ones go in strips
        that are too narrow for OpenBLAS to start threads."""
        c = Code()
        right, one = self.letter(c, "R"), c.cell(self.kind, "1.0")
        is_small = c.test("slt", c.i64("mul", "%n", "%m"), SERIAL)
        strip = c.choose(is_small, STRIP, "%m")
        n, m = self.whole(c, "%n"), self.whole(c, "%m")
        width = c.cell("i32", 0)
        with c.loop(0, "%m", strip) as j:
            now = c.least(strip, c.i64("sub", "%m", j))
            c.store("i32", c.put(f"trunc i64 {now} to i32"), width, 4)
            x = self.at(c, "%x", j)
            self.call(c, "%f", right, "%which", "%turn", "%unit", width, n, one, "%a", n, x, m)
        arguments = "ptr %which, ptr %turn, ptr %unit, i64 %n, i64 %m, ptr %a, ptr %x, ptr %f"
        return c.define("triangle", arguments)

    def substitute(self) -> str:
        """x becomes the solution for the right side x, in rows: x' = x' P' L'^-1 U'^-1.  (LAPACK's
        `getrs` starts threads for matrices of any size.)"""
        c = Code()
        with c.loop(0, "%n") as i:
            swap = c.put(f"getelementptr i32, ptr %pivots, i64 {i}")
            row = c.i64("sub", c.put(f"sext i32 {c.load('i32', swap, 4)} to i64"), 1)
            with c.when(c.test("ne", row, i)):
                first = self.at(c, "%x", c.i64("mul", i, "%m"))
                second = self.at(c, "%x", c.i64("mul", row, "%m"))
                with c.loop(0, "%m") as j:
                    a, b = self.get(c, first, j), self.get(c, second, j)
                    self.put(c, b, first, j)
                    self.put(c, a, second, j)
        turned, lower, upper, plain = (self.letter(c, x) for x in "TLUN")
        rest = "i64 %n, i64 %m, ptr %lu, ptr %x, ptr %trsm"
        c.do(f"call void @triangle(ptr {lower}, ptr {turned}, ptr {upper}, {rest})")
        c.do(f"call void @triangle(ptr {upper}, ptr {turned}, ptr {plain}, {rest})")
        return c.define("substitute", "ptr %x, ptr %lu, ptr %pivots, i64 %n, i64 %m, ptr %trsm")

    def solve(self) -> str:
        """a x = b by Gaussian elimination; one matrix for all is factored once."""
        c = Code()
        square, cells = c.i64("mul", "%n", "%n"), c.i64("mul", "%n", "%m")
        info = c.cell("i32", 0)
        pivots = self.at(c, "%workspace", square)
        with c.loop(0, "%count") as i:
            first = c.test("eq", i, 0)
            every = c.test("ne", "%a_stacked", 0)
            with c.when(c.put(f"or i1 {first}, {every}")):
                a = self.matrix(c, "%a", i, square, "%a_stacked")
                c.do(
                    f"call void @factor(ptr %workspace, ptr {pivots}, ptr {a}, i64 %n, "
                    f"ptr {info}, ptr %f0)"
                )
                self.failed(c, self.is_bad(c, info))
            b, x = self.matrix(c, "%b", i, cells, "%b_stacked"), self.matrix(c, "%out", i, cells)
            c.do(f"call void @copy(ptr {x}, ptr {b}, i64 {cells})")
            c.do(
                f"call void @substitute(ptr {x}, ptr %workspace, ptr {pivots}, i64 %n, i64 %m, "
                f"ptr %f1)"
            )
        return self.define(c, "solve", "n m a_stacked b_stacked", "a b")

    def norm(self, c: Code, a: str) -> str:
        """The greatest sum of absolute values of a column (NaN, if any is)."""
        kind = self.kind
        greatest = c.cell(kind, "0.0")
        name = f"llvm.fabs.{'f64' if kind == 'double' else 'f32'}"
        self.declarations.add(f"declare {kind} @{name}({kind})")
        with c.loop(0, "%n") as j:
            total = c.cell(kind)
            c.store(kind, "0.0", total, self.size)
            with c.loop(0, "%n") as i:
                x = self.get(c, a, c.i64("add", c.i64("mul", i, "%n"), j))
                size = c.put(f"call {kind} @{name}({kind} {x})")
                new = c.put(f"fadd {kind} {c.load(kind, total, self.size)}, {size}")
                c.store(kind, new, total, self.size)
            found, old = c.load(kind, total, self.size), c.load(kind, greatest, self.size)
            more = c.put(f"fcmp ugt {kind} {found}, {old}")
            c.store(kind, c.choose(more, found, old, kind), greatest, self.size)
        return c.load(kind, greatest, self.size)

    def inv(self) -> str:
        """The inverse; with `lenient`, NaN where the condition number exceeds 1/eps."""
        c = Code()
        kind = self.kind
        square = c.i64("mul", "%n", "%n")
        limit = "0x4330000000000000" if kind == "double" else "0x4160000000000000"  # 1/eps
        with c.loop(0, "%count") as k:
            a, x = self.matrix(c, "%a", k, square), self.matrix(c, "%out", k, square)
            lu, pivots, info = self.factored(c, a, square)
            bad = self.is_bad(c, info)
            is_lenient = c.test("ne", "%lenient", 0)
            strict = c.put(f"xor i1 {is_lenient}, true")
            self.failed(c, c.put(f"and i1 {bad}, {strict}"))
            self.unit(c, x)
            c.do(f"call void @substitute(ptr {x}, ptr {lu}, ptr {pivots}, i64 %n, i64 %n, ptr %f1)")
            with c.when(is_lenient):
                condition = c.put(f"fmul {kind} {self.norm(c, a)}, {self.norm(c, x)}")
                fits = c.put(f"fcmp olt {kind} {condition}, {limit}")
                wrong = c.put(f"or i1 {bad}, {c.put(f'xor i1 {fits}, true')}")
                with c.when(wrong), c.loop(0, square) as i:
                    self.put(c, "0x7FF8000000000000", x, i)
        return self.define(c, "inv", "n lenient", "a")

    def triangular_solve(self) -> str:
        """x' a' = b', which is a x = b by rows."""
        c = Code()
        square, cells = c.i64("mul", "%n", "%n"), c.i64("mul", "%n", "%m")
        plain = self.letter(c, "N")
        triangle = self.chosen(c, c.test("ne", "%lower", 0), "U", "L")
        is_unit = c.test("ne", "%unit", 0)
        diagonal = self.chosen(c, is_unit, "U", "N")
        with c.loop(0, "%count") as k:
            a = self.matrix(c, "%a", k, square, "%a_stacked")
            b, x = self.matrix(c, "%b", k, cells, "%b_stacked"), self.matrix(c, "%out", k, cells)
            with c.unless(is_unit), c.loop(0, "%n") as i:
                pivot = self.get(c, a, c.i64("mul", i, c.i64("add", "%n", 1)))
                self.failed(c, c.put(f"fcmp oeq {self.kind} {pivot}, 0.0"))
            c.do(f"call void @copy(ptr {x}, ptr {b}, i64 {cells})")
            c.do(
                f"call void @triangle(ptr {triangle}, ptr {plain}, ptr {diagonal}, i64 %n, i64 %m, "
                f"ptr {a}, ptr {x}, ptr %f0)"
            )
        return self.define(c, "triangular_solve", "n m a_stacked b_stacked lower unit", "a b")

    # ------------------------------------------------------------------------------ determinants

    def determinant(self) -> str:
        """The sign of a determinant, and its absolute value as a number in [1, 2) (or 0, infinity,
        NaN) and a power of 2: nothing overflows on the way."""
        c = Code()
        kind = self.kind
        product, power, sign = c.cell(kind, "1.0"), c.cell("i64", 0), c.cell(kind, "1.0")
        with c.loop(0, "%n") as i:
            swap = c.put(f"getelementptr i32, ptr %pivots, i64 {i}")
            row = c.put(f"sext i32 {c.load('i32', swap, 4)} to i64")
            x = self.get(c, "%lu", c.i64("mul", i, c.i64("add", "%n", 1)))
            is_moved = c.test("ne", row, c.i64("add", i, 1))
            is_negative = c.put(f"fcmp olt {kind} {x}, 0.0")
            x = c.choose(is_negative, c.put(f"fneg {kind} {x}"), x, kind)
            now = c.load(kind, sign, self.size)
            turns = c.put(f"xor i1 {is_moved}, {is_negative}")
            now = c.choose(turns, c.put(f"fneg {kind} {now}"), now, kind)
            c.store(kind, now, sign, self.size)
            x, first = self.normalized(c, x)
            total = c.put(f"fmul {kind} {c.load(kind, product, self.size)}, {x}")
            total, second = self.normalized(c, total)
            c.store(kind, total, product, self.size)
            more = c.i64("add", first, second)
            c.store("i64", c.i64("add", c.load("i64", power, 8), more), power, 8)
        c.store(kind, c.load(kind, product, self.size), "%product", self.size)
        c.store(kind, c.load(kind, sign, self.size), "%sign", self.size)
        c.store("i64", c.load("i64", power, 8), "%power", 8)
        arguments = "ptr %lu, ptr %pivots, i64 %n, ptr %sign, ptr %product, ptr %power"
        return c.define("determinant", arguments)

    def normalized(self, c: Code, x: str) -> tuple[str, str]:
        """A number in [1, 2) with x's sign, and the power of 2 that is missing; 0, infinities and
        NaN stay."""
        kind, width = self.kind, 8 * self.size
        mantissa, bias = (52, 1023) if kind == "double" else (23, 127)
        bits, most, lift = f"i{width}", 2 * bias + 1, mantissa + 12

        def parts(value: str) -> tuple[str, str]:
            raw = c.put(f"bitcast {kind} {value} to {bits}")
            shifted = c.put(f"lshr {bits} {raw}, {mantissa}")
            return raw, c.put(f"and {bits} {shifted}, {most}")

        _, exponent = parts(x)
        is_tiny = c.put(f"icmp eq {bits} {exponent}, 0")  # subnormal, or 0
        larger = c.put(f"fmul {kind} {x}, 0x{(lift + 1023) << 52:016X}")
        x = c.choose(is_tiny, larger, x, kind)
        raw, exponent = parts(x)
        is_infinite = c.put(f"icmp eq {bits} {exponent}, {most}")
        is_zero = c.put(f"icmp eq {bits} {exponent}, 0")
        is_special = c.put(f"or i1 {is_infinite}, {is_zero}")
        fraction = c.put(f"and {bits} {raw}, {~(most << mantissa)}")
        plain = c.put(
            f"bitcast {bits} {c.put(f'or {bits} {fraction}, {bias << mantissa}')} to {kind}"
        )
        wide = exponent if width == 64 else c.put(f"zext {bits} {exponent} to i64")
        power = c.i64("sub", c.i64("sub", wide, bias), c.choose(is_tiny, lift, 0))
        return c.choose(is_special, x, plain, kind), c.choose(is_special, 0, power)

    def scaled(self, c: Code, x: str, power: str) -> str:
        """x * 2**power, in three steps, of which one may lose bits."""
        kind, width = self.kind, 8 * self.size
        mantissa, bias = (52, 1023) if kind == "double" else (23, 127)
        step = bias - 1
        left = power
        for _ in range(3):
            low = c.choose(c.test("slt", left, -step), -step, left)
            now = c.choose(c.test("sgt", low, step), step, low)
            left = c.i64("sub", left, now)
            exponent = c.i64("shl", c.i64("add", now, bias), mantissa)
            raw = exponent if width == 64 else c.put(f"trunc i64 {exponent} to i32")
            factor = c.put(f"bitcast i{width} {raw} to {kind}")
            x = c.put(f"fmul {kind} {x}, {factor}")
        return x

    def product(self, c: Code, lu: str, pivots: str) -> tuple[str, str, str]:
        """The determinant of a factored matrix: sign, absolute value, a power of 2."""
        sign, number, power = c.cell(self.kind), c.cell(self.kind), c.cell("i64")
        c.do(
            f"call void @determinant(ptr {lu}, ptr {pivots}, i64 %n, ptr {sign}, ptr {number}, "
            f"ptr {power})"
        )
        found = [c.load(self.kind, x, self.size) for x in (sign, number)]
        return found[0], found[1], c.load("i64", power, 8)

    def det(self) -> str:
        """The determinant."""
        c = Code()
        square = c.i64("mul", "%n", "%n")
        with c.loop(0, "%count") as k:
            lu, pivots, info = self.factored(c, self.matrix(c, "%a", k, square), square)
            sign, number, power = self.product(c, lu, pivots)
            found = c.put(f"fmul {self.kind} {sign}, {self.scaled(c, number, power)}")
            self.put(c, c.choose(self.is_bad(c, info), "0.0", found, self.kind), "%out", k)
        return self.define(c, "det", "n", "a")

    def slogdet(self) -> str:
        """The determinant's sign and the logarithm of its absolute value."""
        c = Code()
        kind, square = self.kind, c.i64("mul", "%n", "%n")
        with c.loop(0, "%count") as k:
            lu, pivots, info = self.factored(c, self.matrix(c, "%a", k, square), square)
            sign, number, power = self.product(c, lu, pivots)
            wide = number if kind == "double" else c.put(f"fpext float {number} to double")
            log = c.put(f"call double %f1(double {wide})")
            times = c.put(f"sitofp i64 {power} to double")
            rest = c.put(f"fmul double {times}, 0x3FE62E42FEFA39EF")  # log 2
            total = c.put(f"fadd double {log}, {rest}")
            if kind == "float":
                total = c.put(f"fptrunc double {total} to float")
            bad, start = self.is_bad(c, info), c.i64("shl", k, 1)
            self.put(c, c.choose(bad, "0.0", sign, kind), "%out", start)
            total = c.choose(bad, "0xFFF0000000000000", total, kind)
            self.put(c, total, "%out", c.i64("add", start, 1))
        return self.define(c, "slogdet", "n", "a")

    def adjugate(self) -> str:
        """det(a) a^-1 where that is accurate; elsewhere the caller takes singular values."""
        c = Code()
        kind = self.kind
        square = c.i64("mul", "%n", "%n")
        limit = "0x4190000000000000" if kind == "double" else "0x40A6A09E60000000"  # eps**-0.5
        with c.loop(0, "%count") as k:
            a, x = self.matrix(c, "%a", k, square), self.matrix(c, "%out", k, square)
            lu, pivots, info = self.factored(c, a, square)
            self.failed(c, self.is_bad(c, info))
            sign, number, power = self.product(c, lu, pivots)
            factor = c.put(f"fmul {kind} {sign}, {self.scaled(c, number, power)}")
            self.unit(c, x)
            c.do(f"call void @substitute(ptr {x}, ptr {lu}, ptr {pivots}, i64 %n, i64 %n, ptr %f1)")
            condition = c.put(f"fmul {kind} {self.norm(c, a)}, {self.norm(c, x)}")
            fits = c.put(f"fcmp olt {kind} {condition}, {limit}")
            self.failed(c, c.put(f"xor i1 {fits}, true"))
            with c.loop(0, square) as i:
                self.put(c, c.put(f"fmul {kind} {factor}, {self.get(c, x, i)}"), x, i)
        return self.define(c, "adjugate", "n", "a")

    def unit(self, c: Code, to: str) -> None:
        """The unit matrix."""
        with c.loop(0, c.i64("mul", "%n", "%n")) as i:
            self.put(c, "0.0", to, i)
        with c.loop(0, "%n") as i:
            self.put(c, "1.0", to, c.i64("mul", i, c.i64("add", "%n", 1)))

    # ---------------------------------------------------------------------------- decompositions

    def cholesky(self) -> str:
        """The triangle in rows is the other one in columns."""
        c = Code()
        square, n = c.i64("mul", "%n", "%n"), self.whole(c, "%n")
        is_upper = c.test("ne", "%upper", 0)
        triangle, info = self.chosen(c, is_upper, "L", "U"), c.cell("i32", 0)
        with c.loop(0, "%count") as k:
            a, x = self.matrix(c, "%a", k, square), self.matrix(c, "%out", k, square)
            with c.loop(0, "%n") as i:
                row = c.i64("mul", i, "%n")
                begin, end = c.choose(is_upper, i, 0), c.choose(is_upper, "%n", c.i64("add", i, 1))
                first, last = self.at(c, x, row), self.at(c, a, row)
                with c.loop(0, begin) as j:
                    self.put(c, "0.0", first, j)
                with c.loop(begin, end) as j:
                    self.put(c, self.get(c, last, j), first, j)
                with c.loop(end, "%n") as j:
                    self.put(c, "0.0", first, j)
            self.call(c, "%f0", triangle, n, x, n, info)
            self.failed(c, self.is_bad(c, info))
        return self.define(c, "cholesky", "n upper", "a")

    def qr(self) -> str:
        """Householder's reflections: Q of k columns, then R of k rows."""
        c = Code()
        m, n, k = "%m", "%n", "%k"
        cells = c.i64("mul", m, c.choose(c.test("sgt", n, k), n, k))
        least = c.least(m, n)
        factors = "%workspace"
        tau = self.at(c, factors, cells)
        work = self.at(c, tau, c.i64("add", least, 1))
        length = c.i64("mul", BLOCK, c.choose(c.test("sgt", n, k), n, k))
        sizes = {x: self.whole(c, x) for x in (m, n, k, least, length)}
        info = c.cell("i32", 0)
        given, first, second = c.i64("mul", m, n), c.i64("mul", m, k), c.i64("mul", k, n)
        packed = c.i64("add", first, second)
        with c.loop(0, "%count") as i:
            a, q = self.matrix(c, "%a", i, given), self.matrix(c, "%out", i, packed)
            r = self.at(c, q, first)
            c.do(f"call void @transpose(ptr {factors}, ptr {a}, i64 {m}, i64 {n})")
            self.call(
                c, "%f0", sizes[m], sizes[n], factors, sizes[m], tau, work, sizes[length], info
            )
            with c.loop(0, k) as row, c.loop(0, n) as column:
                place = c.i64("add", c.i64("mul", column, m), row)
                found = self.get(c, factors, place)
                below = c.test("sgt", row, column)
                found = c.choose(below, "0.0", found, self.kind)
                self.put(c, found, r, c.i64("add", c.i64("mul", row, n), column))
            self.call(
                c, "%f1", sizes[m], sizes[k], sizes[least], factors, sizes[m], tau, work,
                sizes[length], info,
            )  # fmt: skip
            self.failed(c, self.is_bad(c, info))
            c.do(f"call void @transpose(ptr {q}, ptr {factors}, i64 {k}, i64 {m})")
        return self.define(c, "qr", "m n k", "a")

    def eigvalsh(self) -> str:
        """The eigenvalues of a symmetric matrix."""
        c = Code()
        square, n = c.i64("mul", "%n", "%n"), self.whole(c, "%n")
        copy = "%workspace"
        work = self.at(c, copy, square)
        long = c.i64("mul", "%n", BLOCK + 2)
        short = c.i64("add", c.i64("mul", "%n", 5), 3)
        integers = self.at(c, work, c.i64("and", c.i64("add", long, 1), -2))
        lengths = self.whole(c, long), self.whole(c, short)
        job = self.letter(c, "N")
        triangle = self.chosen(c, c.test("ne", "%lower", 0), "L", "U")
        info = c.cell("i32", 0)
        with c.loop(0, "%count") as k:
            a, w = self.matrix(c, "%a", k, square), self.matrix(c, "%out", k, "%n")
            c.do(f"call void @transpose(ptr {copy}, ptr {a}, i64 %n, i64 %n)")
            self.call(
                c, "%f0", job, triangle, n, copy, n, w, work, lengths[0], integers, lengths[1], info
            )
            self.failed(c, self.is_bad(c, info))
        return self.define(c, "eigvalsh", "n lower", "a")
