"""Sorting as routines: LLVM IR of `sort` and `argsort` for the rows of a matrix.

Enters: a target.  Leaves: a module's text with the functions

    void sort.KIND(i64 count, i64 n, ptr out, ptr in, ptr workspace, ptr status)
    void argsort.KIND(i64 count, i64 n, ptr out, ptr in, ptr workspace, ptr status)

for KIND double, float, i64, i32, u64, u32: `count` rows of n elements, side by side.  `argsort` is
stable and gives int64.  NaNs go last; -0.0 and 0.0 are equal in `argsort`.

Everything becomes the sorting of signed integers: a float's bits, those below the sign inverted
where it is negative, are in the float's order.  `argsort` packs 32 bits of the key and the index
into one 64-bit integer, so that no two are equal and the order of equal keys is that of the
indices; of a 64-bit key the upper half comes first, then every run of equal upper halves is sorted
by the lower one in the same way.

Integers are sorted in vectors where the processor has AVX-512: quicksort, whose partition
compresses the elements on either side of the pivot to neighbouring lanes, down to pieces that fit
in registers, which a bitonic network sorts (Bramas, A novel hybrid quicksort algorithm vectorized
using AVX-512, 2017; Batcher, Sorting networks and their applications, 1968).  On other processors
the partition takes one element at a time, without branches.  A depth limit leads to merging, so
that no order of the input takes long (Knuth, The Art of Computer Programming 3, 5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from .lines import Code
from .targets import Target

KINDS = ("double", "float", "i64", "i32", "u64", "u32")
BYTES = {"double": 8, "float": 4, "i64": 8, "i32": 4, "u64": 8, "u32": 4}
REGISTERS = 8  # vectors that the network sorts
RUN = 8  # elements of a run that is sorted by insertion
SHORT = 24  # elements up to which that is quicker than a call
PADDING = 256  # bytes behind a buffer that whole vectors may overwrite
ARGUMENTS = "i64 %count, i64 %n, ptr noalias %out, ptr %in, ptr noalias %workspace, ptr %status"


def workspace_bytes(name: str, n: int) -> int:
    """Bytes of workspace of a routine for rows of n elements."""
    operation, kind = name.split(".")
    keys = 0 if operation == "sort" else 8 * n + PADDING  # those of `sort` lie in the output
    return keys + (8 if operation == "argsort" else BYTES[kind]) * n + PADDING


@lru_cache(maxsize=8)
def module_text(target: Target) -> str:
    """All routines."""
    return Module(target).text()


class Module:
    """The functions for one target."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.declarations: set[str] = set()
        self.vectors = target.vector_bits == 512

    def text(self) -> str:
        """The module."""
        functions = []
        for width in (64, 32):
            functions += [self.merge_sort(width), self.insertion(width)]
            if self.vectors:
                functions += [self.network(width, k) for k in self.counts()]
                functions.append(self.small(width))
            functions += [self.partition(width), self.quick(width), self.keys_sorted(width)]
        for kind in KINDS:
            functions += [self.sort(kind), self.argsort(kind)]
        functions += [self.runs()]
        head = f'target triple = "{self.target.triple}"'
        return "\n".join([head, *sorted(self.declarations), "", *functions])

    # -------------------------------------------------------------------------------- merging

    def insertion(self, width: int) -> str:
        """Sort a few elements."""
        kind, size = f"i{width}", width // 8
        c = Code()
        with c.loop(1, "%n") as i:
            x = c.load(kind, c.put(f"getelementptr {kind}, ptr %a, i64 {i}"), size)
            place = c.cell("i64", i)
            with c.repeat() as leave:
                j = c.load("i64", place, 8)
                leave(c.test("eq", j, 0))
                before = c.i64("sub", j, 1)
                y = c.load(kind, c.put(f"getelementptr {kind}, ptr %a, i64 {before}"), size)
                leave(c.put(f"icmp sle {kind} {y}, {x}"))
                c.store(kind, y, c.put(f"getelementptr {kind}, ptr %a, i64 {j}"), size)
                c.store("i64", before, place, 8)
            j = c.load("i64", place, 8)
            c.store(kind, x, c.put(f"getelementptr {kind}, ptr %a, i64 {j}"), size)
        return c.define(f"insertion.{width}", "ptr %a, i64 %n")

    def merge_sort(self, width: int) -> str:
        """Sort by merging, with a buffer of the same size."""
        kind, size = f"i{width}", width // 8
        c = Code()

        def at(array: str, index: str) -> str:
            return c.put(f"getelementptr {kind}, ptr {array}, i64 {index}")

        with c.loop(0, "%n", RUN) as i:
            rest = c.least(c.i64("sub", "%n", i), RUN)
            c.do(f"call void @insertion.{width}(ptr {at('%a', i)}, i64 {rest})")
        run = c.cell("i64", RUN)
        source, other = c.cell("ptr", "%a"), c.cell("ptr", "%t")
        with c.repeat() as leave:
            length = c.load("i64", run, 8)
            leave(c.test("sge", length, "%n"))
            a, b = c.load("ptr", source, 8), c.load("ptr", other, 8)
            twice = c.i64("shl", length, 1)
            with c.loop(0, "%n", twice) as low:
                middle = c.least(c.i64("add", low, length), "%n")
                high = c.least(c.i64("add", low, twice), "%n")
                left, right = c.cell("i64", low), c.cell("i64", middle)
                put = c.cell("i64", low)
                with c.repeat() as end:
                    i, j = c.load("i64", left, 8), c.load("i64", right, 8)
                    k = c.load("i64", put, 8)
                    is_over = c.put(f"or i1 {c.test('eq', i, middle)}, {c.test('eq', j, high)}")
                    end(is_over)
                    x, y = c.load(kind, at(a, i), size), c.load(kind, at(a, j), size)
                    second = c.put(f"icmp slt {kind} {y}, {x}")
                    mask = c.put(f"sext i1 {second} to {kind}")  # a choice would become a branch
                    both = c.put(f"xor {kind} {x}, {y}")
                    lesser = c.put(f"xor {kind} {x}, {c.put(f'and {kind} {both}, {mask}')}")
                    c.store(kind, lesser, at(b, k), size)
                    step = c.put(f"zext i1 {second} to i64")
                    c.store("i64", c.i64("add", j, step), right, 8)
                    c.store("i64", c.i64("add", i, c.i64("sub", 1, step)), left, 8)
                    c.store("i64", c.i64("add", k, 1), put, 8)
                for begin, stop in ((left, middle), (right, high)):
                    with c.repeat() as end:
                        i, k = c.load("i64", begin, 8), c.load("i64", put, 8)
                        end(c.test("eq", i, stop))
                        c.store(kind, c.load(kind, at(a, i), size), at(b, k), size)
                        c.store("i64", c.i64("add", i, 1), begin, 8)
                        c.store("i64", c.i64("add", k, 1), put, 8)
            c.store("ptr", b, source, 8)
            c.store("ptr", a, other, 8)
            c.store("i64", twice, run, 8)
        found = c.load("ptr", source, 8)
        with c.unless(c.put(f"icmp eq ptr {found}, %a")), c.loop(0, "%n") as i:
            c.store(kind, c.load(kind, at(found, i), size), at("%a", i), size)
        return c.define(f"merge.{width}", "ptr %a, ptr %t, i64 %n")

    # ------------------------------------------------------------------------------- networks

    def counts(self) -> list[int]:
        """The numbers of vectors that have a network."""
        return [1, 2, 4, REGISTERS]

    def call(self, c: Code, name: str, kind: str, *arguments: str) -> str:
        """Call an intrinsic; `arguments` with their types."""
        types = ", ".join(x.rpartition(" ")[0] for x in arguments)
        self.declarations.add(f"declare {kind} @{name}({types})")
        return c.put(f"call {kind} @{name}({', '.join(arguments)})")

    def shuffled(self, c: Code, x: str, vector: str, order: Sequence[int]) -> str:
        """The lanes in another order."""
        inside = ", ".join(f"i32 {k}" for k in order)
        mask = f"<{len(order)} x i32> <{inside}>"
        return c.put(f"shufflevector {vector} {x}, {vector} poison, {mask}")

    def least_greatest(self, c: Code, a: str, b: str, width: int) -> tuple[str, str]:
        """The lanes' lesser and greater ones."""
        lanes = 512 // width
        vector, name = f"<{lanes} x i{width}>", f"v{lanes}i{width}"
        low = self.call(c, f"llvm.smin.{name}", vector, f"{vector} {a}", f"{vector} {b}")
        high = self.call(c, f"llvm.smax.{name}", vector, f"{vector} {a}", f"{vector} {b}")
        return low, high

    def exchanged(self, c: Code, x: str, width: int, order: Sequence[int]) -> str:
        """Each lane with its partner: the lesser one goes to the lane that comes first."""
        lanes = 512 // width
        vector = f"<{lanes} x i{width}>"
        low, high = self.least_greatest(c, x, self.shuffled(c, x, vector, order), width)
        mask = ", ".join(f"i1 {'true' if k < order[k] else 'false'}" for k in range(lanes))
        return c.put(f"select <{lanes} x i1> <{mask}>, {vector} {low}, {vector} {high}")

    def halved(self, c: Code, x: str, width: int, distance: int) -> str:
        """The rest of a bitonic merge within a vector."""
        lanes = 512 // width
        while distance:
            x = self.exchanged(c, x, width, [k ^ distance for k in range(lanes)])
            distance //= 2
        return x

    def sorted_vector(self, c: Code, x: str, width: int) -> str:
        """A vector's lanes sorted."""
        lanes, size = 512 // width, 2
        while size <= lanes:
            x = self.exchanged(c, x, width, [k ^ (size - 1) for k in range(lanes)])
            x = self.halved(c, x, width, size // 4)
            size *= 2
        return x

    def network(self, width: int, count: int) -> str:
        """Sort up to `count` vectors in place: what is behind the n elements counts as infinite."""
        lanes, kind = 512 // width, f"i{width}"
        vector = f"<{lanes} x {kind}>"
        order = ", ".join(f"i64 {k}" for k in range(lanes))
        largest = f"splat ({kind} {(1 << (width - 1)) - 1})"
        c = Code()
        x, masks, pointers = [], [], []
        for k in range(count):
            pointers.append(c.put(f"getelementptr {vector}, ptr %a, i64 {k}"))
            rest = c.i64("sub", "%n", k * lanes)
            one = c.put(f"insertelement <{lanes} x i64> poison, i64 {rest}, i32 0")
            every = c.put(
                f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, "
                f"<{lanes} x i32> zeroinitializer"
            )
            masks.append(c.put(f"icmp slt <{lanes} x i64> <{order}>, {every}"))
            name = f"llvm.masked.load.v{lanes}{kind}.p0"
            mask = f"<{lanes} x i1>"
            self.declarations.add(f"declare {vector} @{name}(ptr, i32, {mask}, {vector})")
            found = c.put(
                f"call {vector} @{name}(ptr {pointers[k]}, i32 {width // 8}, "
                f"{mask} {masks[k]}, {vector} {largest})"
            )
            x.append(self.sorted_vector(c, found, width))
        size = 1
        while size < count:  # runs of `size` vectors into runs of twice as many
            for start in range(0, count, 2 * size):
                for k in range(size):  # the first with the last, turned around
                    i, j = start + k, start + 2 * size - 1 - k
                    turned = self.shuffled(c, x[j], vector, range(lanes - 1, -1, -1))
                    x[i], high = self.least_greatest(c, x[i], turned, width)
                    x[j] = self.shuffled(c, high, vector, range(lanes - 1, -1, -1))
                step = size // 2
                while step:
                    for i in range(start, start + 2 * size):
                        if not (i - start) & step:
                            x[i], x[i + step] = self.least_greatest(c, x[i], x[i + step], width)
                    step //= 2
                for i in range(start, start + 2 * size):
                    x[i] = self.halved(c, x[i], width, lanes // 2)
            size *= 2
        for k in range(count):
            name = f"llvm.masked.store.v{lanes}{kind}.p0"
            mask = f"<{lanes} x i1>"
            self.declarations.add(f"declare void @{name}({vector}, ptr, i32, {mask})")
            c.do(
                f"call void @{name}({vector} {x[k]}, ptr {pointers[k]}, i32 {width // 8}, "
                f"{mask} {masks[k]})"
            )
        return c.define(f"network.{width}.{count}", "ptr %a, i64 %n")

    def small(self, width: int) -> str:
        """Sort what fits in registers, by the smallest network."""
        lanes = 512 // width
        c = Code()
        below = 1
        for count in self.counts():
            some = c.test("sgt", "%n", below)
            enough = c.test("sle", "%n", count * lanes)
            with c.when(c.put(f"and i1 {some}, {enough}")):
                c.do(f"call void @network.{width}.{count}(ptr %a, i64 %n)")
            below = count * lanes
        return c.define(f"small.{width}", "ptr %a, i64 %n")

    # ------------------------------------------------------------------------------ quicksort

    def partition(self, width: int) -> str:
        """The elements below the pivot (or not above it) first; how many there are goes to
        `%found`.  The others wait in a buffer: what is written was read before."""
        lanes, kind, size = 512 // width, f"i{width}", width // 8
        vector, bits = f"<{lanes} x {kind}>", f"i{lanes}"
        c = Code()
        one = c.put(f"insertelement {vector} poison, {kind} %pivot, i32 0")
        pivot = c.put(
            f"shufflevector {vector} {one}, {vector} poison, <{lanes} x i32> zeroinitializer"
        )
        left, right = c.cell("i64", 0), c.cell("i64", 0)
        whole = c.i64("and", "%n", -lanes) if self.vectors else "0"
        name = f"llvm.x86.avx512.mask.compress.v{lanes}{kind}"
        popcount = f"llvm.ctpop.{bits}"
        mask_type = f"<{lanes} x i1>"

        def at(array: str, index: str) -> str:
            return c.put(f"getelementptr {kind}, ptr {array}, i64 {index}")

        def below(x: str) -> str:
            less = c.put(f"icmp slt {vector} {x}, {pivot}")
            same = c.put(f"icmp sle {vector} {x}, {pivot}")
            return c.put(f"select i1 %closed, {mask_type} {same}, {mask_type} {less}")

        def counted(mask: str) -> str:
            packed = c.put(f"bitcast {mask_type} {mask} to {bits}")
            found = self.call(c, popcount, bits, f"{bits} {packed}")
            return c.put(f"zext {bits} {found} to i64")

        if self.vectors:
            with c.loop(0, whole, lanes) as i:
                x = c.load(vector, at("%a", i), size)
                here = below(x)
                there = c.put(f"xor {mask_type} {here}, splat (i1 true)")
                nothing = f"{vector} zeroinitializer"
                low = self.call(c, name, vector, f"{vector} {x}", nothing, f"{mask_type} {here}")
                high = self.call(c, name, vector, f"{vector} {x}", nothing, f"{mask_type} {there}")
                l, r = c.load("i64", left, 8), c.load("i64", right, 8)
                c.store(vector, low, at("%a", l), size)
                c.store(vector, high, at("%t", r), size)
                more = counted(here)
                c.store("i64", c.i64("add", l, more), left, 8)
                c.store("i64", c.i64("add", r, c.i64("sub", lanes, more)), right, 8)
        with c.loop(whole, "%n") as i:
            x = c.load(kind, at("%a", i), size)
            less = c.put(f"icmp slt {kind} {x}, %pivot")
            same = c.put(f"icmp sle {kind} {x}, %pivot")
            here = c.put(f"select i1 %closed, i1 {same}, i1 {less}")
            step = c.put(f"zext i1 {here} to i64")
            l, r = c.load("i64", left, 8), c.load("i64", right, 8)
            c.store(kind, x, at("%t", r), size)
            c.store(kind, x, at("%a", l), size)  # where it does not belong it is overwritten
            c.store("i64", c.i64("add", l, step), left, 8)
            c.store("i64", c.i64("add", r, c.i64("sub", 1, step)), right, 8)
        l, r = c.load("i64", left, 8), c.load("i64", right, 8)
        c.store("i64", l, "%found", 8)
        goal = at("%a", l)
        blocks = c.i64("and", r, -lanes)
        with c.loop(0, blocks, lanes) as i:
            c.store(vector, c.load(vector, at("%t", i), size), at(goal, i), size)
        with c.loop(blocks, r) as i:
            c.store(kind, c.load(kind, at("%t", i), size), at(goal, i), size)
        arguments = f"ptr %a, ptr noalias %t, i64 %n, {kind} %pivot, i1 %closed, ptr %found"
        return c.define(f"partition.{width}", arguments)

    def quick(self, width: int) -> str:
        """Quicksort; after `%depth` levels the rest is merged."""
        lanes, kind, size = 512 // width, f"i{width}", width // 8
        vector = f"<{lanes} x {kind}>"
        limit = REGISTERS * lanes if self.vectors else SHORT
        bottom = f"small.{width}" if self.vectors else f"insertion.{width}"
        c = Code()
        start, length, levels = c.cell("ptr", "%a"), c.cell("i64", "%n"), c.cell("i64", "%depth")
        found = c.cell("i64", 0)
        with c.repeat() as leave:
            a, n = c.load("ptr", start, 8), c.load("i64", length, 8)
            leave(c.test("sle", n, limit))
            depth = c.load("i64", levels, 8)
            leave(c.test("eq", depth, 0))
            c.store("i64", c.i64("sub", depth, 1), levels, 8)
            step = c.i64("udiv", n, lanes)
            sample = "poison"
            for k in range(lanes):
                place = c.i64("add", c.i64("mul", step, k), c.i64("lshr", step, 1))
                x = c.load(kind, c.put(f"getelementptr {kind}, ptr {a}, i64 {place}"), size)
                sample = c.put(f"insertelement {vector} {sample}, {kind} {x}, i32 {k}")
            sample = self.sorted_vector(c, sample, width)
            pivot = c.put(f"extractelement {vector} {sample}, i32 {lanes // 2}")
            call = f"call void @partition.{width}(ptr {a}, ptr %t, i64 {n}, {kind} {pivot}"
            c.do(f"{call}, i1 false, ptr {found})")
            below = c.load("i64", found, 8)
            with c.when(c.test("eq", below, 0)):  # the pivot is the least one: its like are done
                c.do(f"{call}, i1 true, ptr {found})")
                least = c.load("i64", found, 8)
                c.store("ptr", c.put(f"getelementptr {kind}, ptr {a}, i64 {least}"), start, 8)
                c.store("i64", c.i64("sub", n, least), length, 8)
            with c.unless(c.test("eq", below, 0)):
                rest = c.i64("sub", n, below)
                after = c.put(f"getelementptr {kind}, ptr {a}, i64 {below}")
                is_left = c.test("slt", below, rest)  # the shorter one first
                short = c.choose(is_left, a, after, "ptr")
                c.do(
                    f"call void @quick.{width}(ptr {short}, ptr %t, "
                    f"i64 {c.choose(is_left, below, rest)}, i64 {c.i64('sub', depth, 1)})"
                )
                c.store("ptr", c.choose(is_left, after, a, "ptr"), start, 8)
                c.store("i64", c.choose(is_left, rest, below), length, 8)
        a, n = c.load("ptr", start, 8), c.load("i64", length, 8)
        is_small = c.test("sle", n, limit)
        with c.when(is_small):
            c.do(f"call void @{bottom}(ptr {a}, i64 {n})")
        with c.unless(is_small):
            c.do(f"call void @merge.{width}(ptr {a}, ptr %t, i64 {n})")
        return c.define(f"quick.{width}", "ptr %a, ptr noalias %t, i64 %n, i64 %depth")

    def keys_sorted(self, width: int) -> str:
        """Sort integers in place, with a buffer."""
        c = Code()
        zeros = self.call(c, "llvm.ctlz.i64", "i64", "i64 %n", "i1 false")
        depth = c.i64("shl", c.i64("sub", 66, zeros), 1)
        c.do(f"call void @quick.{width}(ptr %a, ptr %t, i64 %n, i64 {depth})")
        return c.define(f"keys.{width}", "ptr %a, ptr noalias %t, i64 %n")

    # ------------------------------------------------------------------------------- routines

    def key(self, c: Code, x: str, kind: str, lanes: int, zeros: bool) -> str:
        """An element as an integer in its order; with `zeros`, -0.0 is 0.0."""
        width = 8 * BYTES[kind]
        wide = lambda k: k if lanes == 1 else f"<{lanes} x {k}>"
        number = lambda v: str(v) if lanes == 1 else f"splat (i{width} {v})"
        if kind in ("i64", "i32"):
            return x
        integer = wide(f"i{width}")
        if kind[0] == "u":
            return c.put(f"xor {integer} {x}, {number(-(1 << (width - 1)))}")
        real = wide(kind)
        if zeros:
            x = c.put(f"fadd {real} {x}, zeroinitializer" if lanes > 1 else f"fadd {real} {x}, 0.0")
        bad = c.put(f"fcmp uno {real} {x}, {x}")
        raw = c.put(f"bitcast {real} {x} to {integer}")
        largest = number((1 << (width - 1)) - 1)
        plain = c.put(f"select {wide('i1')} {bad}, {integer} {largest}, {integer} {raw}")
        return self.turned(c, plain, width, lanes)

    def turned(self, c: Code, x: str, width: int, lanes: int) -> str:
        """The bits below the sign inverted where it is set."""
        integer = f"i{width}" if lanes == 1 else f"<{lanes} x i{width}>"
        number = lambda v: str(v) if lanes == 1 else f"splat (i{width} {v})"
        sign = c.put(f"ashr {integer} {x}, {number(width - 1)}")
        below = c.put(f"lshr {integer} {sign}, {number(1)}")
        return c.put(f"xor {integer} {x}, {below}")

    def element(self, c: Code, x: str, kind: str, lanes: int) -> str:
        """The element that has a key, as an integer."""
        width = 8 * BYTES[kind]
        if kind in ("i64", "i32"):
            return x
        if kind[0] == "u":
            integer = f"i{width}" if lanes == 1 else f"<{lanes} x i{width}>"
            number = str(-(1 << (width - 1)))
            return c.put(
                f"xor {integer} {x}, {number if lanes == 1 else f'splat (i{width} {number})'}"
            )
        return self.turned(c, x, width, lanes)

    def over(self, c: Code, width: int, one: object) -> None:
        """What is done for each element, in vectors, then one by one: `one(index, lanes)`."""
        lanes = self.target.vector_bits // width
        blocks = c.i64("and", "%n", -lanes)
        with c.loop(0, blocks, lanes) as i:
            one(i, lanes)  # type: ignore[operator]
        with c.loop(blocks, "%n") as i:
            one(i, 1)  # type: ignore[operator]

    def rows(self, c: Code, out: int, given: int) -> tuple[str, str, object]:
        """The pointers to a row of the output and of the input, in a loop over rows."""
        loop = c.loop(0, "%count")
        row = loop.__enter__()
        start = c.i64("mul", row, "%n")
        y = c.put(f"getelementptr i{8 * out}, ptr %out, i64 {start}")
        x = c.put(f"getelementptr i{8 * given}, ptr %in, i64 {start}")
        return y, x, loop

    def sort(self, kind: str) -> str:
        """Sort rows: their keys are sorted where the result goes."""
        size = BYTES[kind]
        width = 8 * size
        memory = kind if kind in ("double", "float") else f"i{width}"
        c = Code()
        y, x, loop = self.rows(c, size, size)

        def enter(i: str, lanes: int) -> None:
            wide = (lambda k: k) if lanes == 1 else (lambda k: f"<{lanes} x {k}>")
            p = c.put(f"getelementptr {memory}, ptr {x}, i64 {i}")
            found = self.key(c, c.load(wide(memory), p, size), kind, lanes, False)
            q = c.put(f"getelementptr i{width}, ptr {y}, i64 {i}")
            c.store(wide(f"i{width}"), found, q, size)

        def leave(i: str, lanes: int) -> None:
            wide = f"i{width}" if lanes == 1 else f"<{lanes} x i{width}>"
            q = c.put(f"getelementptr i{width}, ptr {y}, i64 {i}")
            c.store(wide, self.element(c, c.load(wide, q, size), kind, lanes), q, size)

        self.over(c, width, enter)
        c.do(f"call void @keys.{width}(ptr {y}, ptr %workspace, i64 %n)")
        if kind not in ("i64", "i32"):
            self.over(c, width, leave)
        loop.__exit__(None, None, None)  # type: ignore[attr-defined]
        return c.define(f"sort.{kind}", ARGUMENTS, "")

    def argsort(self, kind: str) -> str:
        """The order that sorts each row: packed keys are sorted where the result goes."""
        size = BYTES[kind]
        width = 8 * size
        memory = kind if kind in ("double", "float") else f"i{width}"
        c = Code()
        y, x, loop = self.rows(c, 8, size)
        keys = "%workspace"
        bytes_ = c.i64("add", c.i64("shl", "%n", 3), PADDING)
        buffer = c.at("%workspace", bytes_)

        def pack(i: str, lanes: int) -> None:
            wide = (lambda k: k) if lanes == 1 else (lambda k: f"<{lanes} x {k}>")
            number = lambda v: str(v) if lanes == 1 else f"splat (i64 {v})"
            p = c.put(f"getelementptr {memory}, ptr {x}, i64 {i}")
            found = self.key(c, c.load(wide(memory), p, size), kind, lanes, True)
            if width == 64:
                q = c.put(f"getelementptr i64, ptr {keys}, i64 {i}")
                c.store(wide("i64"), found, q, 8)
                upper = c.put(f"and {wide('i64')} {found}, {number(-(1 << 32))}")
            else:
                long = c.put(f"sext {wide('i32')} {found} to {wide('i64')}")
                upper = c.put(f"shl {wide('i64')} {long}, {number(32)}")
            index = i
            if lanes > 1:
                one = c.put(f"insertelement <{lanes} x i64> poison, i64 {i}, i32 0")
                every = c.put(
                    f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, "
                    f"<{lanes} x i32> zeroinitializer"
                )
                order = ", ".join(f"i64 {k}" for k in range(lanes))
                index = c.put(f"add <{lanes} x i64> {every}, <{order}>")
            q = c.put(f"getelementptr i64, ptr {y}, i64 {i}")
            c.store(wide("i64"), c.put(f"or {wide('i64')} {upper}, {index}"), q, 8)

        def unpack(i: str, lanes: int) -> None:
            wide = "i64" if lanes == 1 else f"<{lanes} x i64>"
            number = 0xFFFFFFFF if lanes == 1 else f"splat (i64 {0xFFFFFFFF})"
            q = c.put(f"getelementptr i64, ptr {y}, i64 {i}")
            c.store(wide, c.put(f"and {wide} {c.load(wide, q, 8)}, {number}"), q, 8)

        self.over(c, 64, pack)
        c.do(f"call void @keys.64(ptr {y}, ptr {buffer}, i64 %n)")
        if width == 64:
            c.do(f"call void @runs(ptr {y}, ptr {keys}, ptr {buffer}, i64 %n)")
        self.over(c, 64, unpack)
        loop.__exit__(None, None, None)  # type: ignore[attr-defined]
        return c.define(f"argsort.{kind}", ARGUMENTS, "")

    def runs(self) -> str:
        """Runs of equal upper halves of 64-bit keys, sorted by the lower halves."""
        c = Code()
        begin = c.cell("i64", 0)

        def at(i: str, array: str = "%a") -> str:
            return c.put(f"getelementptr i64, ptr {array}, i64 {i}")

        with c.repeat() as leave:
            i = c.load("i64", begin, 8)
            leave(c.test("sge", i, "%n"))
            upper = c.i64("lshr", c.load("i64", at(i), 8), 32)
            stop = c.cell("i64", c.i64("add", i, 1))
            with c.repeat() as end:
                j = c.load("i64", stop, 8)
                end(c.test("sge", j, "%n"))
                end(c.test("ne", c.i64("lshr", c.load("i64", at(j), 8), 32), upper))
                c.store("i64", c.i64("add", j, 1), stop, 8)
            j = c.load("i64", stop, 8)
            count = c.i64("sub", j, i)
            with c.when(c.test("sgt", count, 1)):
                with c.loop(i, j) as k:
                    index = c.i64("and", c.load("i64", at(k), 8), 0xFFFFFFFF)
                    low = c.i64("shl", c.load("i64", at(index, "%keys"), 8), 32)
                    signed = c.i64("xor", low, -(1 << 63))
                    c.store("i64", c.i64("or", signed, index), at(k), 8)
                short = c.test("sle", count, SHORT)
                first = at(i)
                with c.when(short):
                    c.do(f"call void @insertion.64(ptr {first}, i64 {count})")
                with c.unless(short):
                    c.do(f"call void @keys.64(ptr {first}, ptr %t, i64 {count})")
            c.store("i64", j, begin, 8)
        return c.define("runs", "ptr %a, ptr %keys, ptr noalias %t, i64 %n")
