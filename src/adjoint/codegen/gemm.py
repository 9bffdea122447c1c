"""Matrix products as LLVM IR, written for a processor's vectors and registers.

Enters: a target and `float` or `double`.  Leaves: the text of a module with two functions,

    void product(i64 m, i64 n, i64 k, ptr a, i64 a_row, i64 a_column, ptr b, i64 b_row,
                 i64 b_column, ptr c, i64 c_row, i64 c_column, i64 accumulate, ptr workspace,
                 ptr parallel, ptr pool)
    void products(i64 count, i64 m, i64 n, i64 k, ptr a, i64 a_batch, i64 a_row, i64 a_column,
                  ptr b, i64 b_batch, i64 b_row, i64 b_column, ptr c, i64 c_batch, i64 c_row,
                  i64 c_column, i64 accumulate, ptr workspace, ptr parallel, ptr pool)

the second a stack of the first.  c (m x n) becomes a (m x k) times b (k x n), or is increased by
it where `accumulate` is not 0.  Strides count elements and may be anything, negative or 0 too, but
c's elements must be distinct and none of them an operand's.  `workspace` is `workspace_bytes` long,
its address a multiple of 64.  `parallel(pool, body, context, count)` calls bodies on any threads;
null: this thread does all.

**The method** is that of Goto and van de Geijn, "Anatomy of high-performance matrix
multiplication", ACM TOMS 34, 2008, in the form of Van Zee and van de Geijn, "BLIS", ACM TOMS 41,
2015.  A *tile* of c, some rows by two vectors, is summed in registers over a stretch of k: for each
k, two vectors of b are loaded, and each row's element of a is broadcast and multiplied with both.

- b is *packed* where many rows use it: panels two vectors wide, k after k, the last one filled up
  with zeros.  Where it has unit column stride and few rows use it, it is read in place.
- a is read in place: a broadcast costs the same wherever the element lies.
- Tiles at the lower edge have fewer rows: a tile function for each of some numbers of rows; the
  edge is divided such that the fewest cycles are lost.  Tiles at the right edge, or of a c without
  unit column stride, are summed into a tile on the stack, from which the elements of c are copied.
  What comes of the zeros never reaches c.
- With few columns (or rows: then b^T a^T is formed instead) and both operands contiguous along k,
  vectors run along k: an element is a dot product.

**Bits.**  c is divided into blocks by the sizes alone; an element's sum runs over k in order, in
the same stretches, whoever computes its block.  Nothing depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .lines import Code
from .targets import Target

BYTES = {"float": 4, "double": 8}
SUFFIX = {"float": "f32", "double": "f64"}
LONGEST = 800  # k of one stretch that a tile is summed over, at most: shorter takes longer
ROWS, COLUMNS, DEPTH = 3072, 2048, 2048  # of one pass: what the workspace must hold, at most
BLOCK_ROWS = 192  # of a block of c, at most: its part of a stays in the second cache
BLOCK_BYTES = 1 << 18  # and the block itself
BLOCK_WORK = 1 << 21  # multiply-adds of a block, at least, where there are so many
BLOCKS = 64  # of a pass, about, where they have more work
SERIAL = 1 << 18  # multiply-adds of a product that is not worth sharing
WHOLE = 1 << 17  # multiply-adds from which on the products of a stack are shared one by one
GROUPS = 64  # of a stack's products, otherwise, at most
NEAR = 1 << 15  # bytes from b's first row to its last where it need not be packed
FEW = 8  # columns that dot products are formed for


class Shape(NamedTuple):
    """How a target's registers are used."""

    lanes: int
    rows: int  # of the largest tile
    sizes: tuple[int, ...]  # numbers of rows that there are tile functions for

    @property
    def width(self) -> int:
        """Columns of a panel of b."""
        return 2 * self.lanes


def shape(target: Target, kind: str) -> Shape:
    """Tiles of 12 x 2 vectors where there are 32 registers, 6 x 2 where there are 16."""
    lanes = target.vector_bits // 8 // BYTES[kind]
    if target.vector_bits == 512 or target.triple.startswith(("aarch64", "arm64")):
        return Shape(lanes, 12, (1, 2, 4, 8, 12))
    return Shape(lanes, 6, (1, 2, 4, 6))


def first_rows(shape: Shape) -> list[int]:
    """How many rows the next tile has, by the rows that are left (at most twice the largest).

    Fewest cycles: a tile of r rows takes 2r multiply-adds, two in a cycle, and no less than about
    five cycles, as one multiply-add waits for the one before.
    """
    cost, first = [0.0], [0]
    for left in range(1, 2 * shape.rows + 1):
        found = [(max(r, 5) + 0.5 + cost[left - r], -r) for r in shape.sizes if r <= left]
        cost.append(min(found)[0])
        first.append(-min(found)[1])
    return first


def workspace_bytes(
    m: int, n: int, k: int, kind: str, target: Target, count: int | None = None
) -> int:
    """Bytes of workspace that a product needs, or a stack of `count` of them.

    None: enough for `product` and for `products` of any number.
    """
    width = shape(target, kind).width
    across = -(-min(max(m, n), COLUMNS) // width) * width  # either operand may be packed
    dots = k * min(m, n) if min(m, n) <= FEW else 0
    one = BYTES[kind] * max(min(k, DEPTH) * across, dots) + 64
    if count == 1 or m * n * k >= WHOLE or k > DEPTH:
        return one
    across = -(-max(m, n) // width) * width + FEW
    groups = GROUPS if count is None else min(count, GROUPS)
    return max(one, groups * (BYTES[kind] * k * across + 64))


def module_text(target: Target, kind: str) -> str:
    """The LLVM IR of `product` and `products`."""
    return Module(target, kind).text()


FIELDS = (
    "m n k a a_row a_column b b_row b_column c c_row c_column add packed "
    "block_rows block_columns grid_rows stretch direct inside few"
).split()
PRODUCT = (
    "i64 %m, i64 %n, i64 %k, ptr %a, i64 %a_row, i64 %a_column, ptr %b, i64 %b_row, i64 %b_column,"
    " ptr %c, i64 %c_row, i64 %c_column, i64 %accumulate, ptr %workspace, ptr %parallel, ptr %pool"
)
STACK = (
    "i64 %count, i64 %m, i64 %n, i64 %k, ptr %a, i64 %a_batch, i64 %a_row, i64 %a_column,"
    " ptr %b, i64 %b_batch, i64 %b_row, i64 %b_column, ptr %c, i64 %c_batch, i64 %c_row,"
    " i64 %c_column, i64 %accumulate, ptr %workspace, ptr %parallel, ptr %pool"
)
DOT = (
    "i64 %k, ptr %a, i64 %a_row, ptr %b, i64 %b_column, ptr %c, i64 %c_row, i64 %c_column, i64 %add"
)
FRAME = "k a_row a_column a0 a2 a4 a6 b b_row c c_row add last".split()  # of a tile
POINTERS = ("a", "b", "c", "packed", "a0", "a2", "a4", "a6")


class Module:
    """The functions of one kind of numbers."""

    def __init__(self, target: Target, kind: str) -> None:
        self.target = target
        self.kind = kind
        self.size = BYTES[kind]
        self.shape = shape(target, kind)
        self.lanes, self.width = self.shape.lanes, self.shape.width
        self.vector = f"<{self.lanes} x {kind}>"
        self.vector_bytes = self.lanes * self.size
        self.suffix = f"v{self.lanes}{SUFFIX[kind]}"
        self.masks = target.vector_bits == 512
        self.declarations: set[str] = set()

    def text(self) -> str:
        """The module."""
        tiles = {(rows, 2) for rows in self.shape.sizes}
        tiles |= {(rows, 1) for rows in self.shape.sizes}
        tiles |= set(self.wide())
        functions = [self.tile(rows, vectors) for rows, vectors in sorted(tiles)]
        functions += [self.dispatch(sorted(tiles)), self.edge(), self.pack(), self.pack_body()]
        functions += [
            self.dot(4, 2),
            self.dot(4, 1),
            self.dot(1, 1),
            self.dots(),
            self.block(),
            self.one_pass(),
        ]
        functions += [self.product(), self.group(), self.products()]
        table = ", ".join(f"i8 {r}" for r in first_rows(self.shape))
        head = f"@rows = internal constant [{2 * self.shape.rows + 1} x i8] [{table}]"
        return "\n".join(
            [f'target triple = "{self.target.triple}"', *sorted(self.declarations), head, ""]
            + functions
        )

    def wide(self) -> list[tuple[int, int]]:
        """Tiles of few rows that read b in place: rows, vectors."""
        return [(1, 16), (2, 8), (4, 4)] if self.shape.rows == 12 else [(1, 6), (2, 4)]

    # ----------------------------------------------------------------------------- numbers

    def call(
        self, name: str, kind: str, arguments: Sequence[str], code: Code, flags: str = ""
    ) -> str:
        """Call an intrinsic; `arguments` with their types."""
        types = ", ".join(x.rpartition(" ")[0] for x in arguments)
        self.declarations.add(f"declare {kind} @{name}({types})")
        return code.put(f"call {flags}{kind} @{name}({', '.join(arguments)})")

    def multiply_add(self, code: Code, a: str, b: str, c: str, vector: bool = True) -> str:
        """a*b + c: rounded once where the processor does that."""
        kind = self.vector if vector else self.kind
        if self.target.fast_fma:
            name = f"llvm.fma.{self.suffix if vector else SUFFIX[self.kind]}"
            return self.call(name, kind, [f"{kind} {a}", f"{kind} {b}", f"{kind} {c}"], code)
        return code.put(f"fadd {kind} {code.put(f'fmul {kind} {a}, {b}')}, {c}")

    def splat(self, code: Code, x: str, kind: str = "") -> str:
        """A number in all lanes."""
        kind = kind or self.kind
        vector = f"<{self.lanes} x {kind}>"
        one = code.put(f"insertelement {vector} poison, {kind} {x}, i32 0")
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        return code.put(f"shufflevector {vector} {one}, {vector} poison, {zeros}")

    def first_lanes(self, code: Code, count: str) -> str:
        """The mask of as many lanes."""
        narrow = code.put(f"trunc i64 {count} to i32")
        order = ", ".join(f"i32 {i}" for i in range(self.lanes))
        kind = f"<{self.lanes} x i32>"
        return code.put(f"icmp slt {kind} <{order}>, {self.splat(code, narrow, 'i32')}")

    def load(self, code: Code, pointer: str, mask: str = "") -> str:
        """A vector; 0 where the mask is off, and nothing is read there."""
        if not mask:
            return code.load(self.vector, pointer, self.size)
        bits = f"<{self.lanes} x i1>"
        name = f"llvm.masked.load.{self.suffix}.p0"
        self.declarations.add(f"declare {self.vector} @{name}(ptr, i32, {bits}, {self.vector})")
        zeros = f"{self.vector} zeroinitializer"
        return code.put(
            f"call {self.vector} @{name}(ptr {pointer}, i32 {self.size}, {bits} {mask}, {zeros})"
        )

    def store(self, code: Code, value: str, pointer: str, mask: str = "") -> None:
        """Store a vector, where the mask is on."""
        if not mask:
            code.store(self.vector, value, pointer, self.size)
            return
        bits = f"<{self.lanes} x i1>"
        name = f"llvm.masked.store.{self.suffix}.p0"
        self.declarations.add(f"declare void @{name}({self.vector}, ptr, i32, {bits})")
        value = f"{self.vector} {value}"
        code.do(f"call void @{name}({value}, ptr {pointer}, i32 {self.size}, {bits} {mask})")

    # ------------------------------------------------------------------------------- tiles

    def frame(self, code: Code, *names: str) -> list[str]:
        """What a tile function is told.

        It lies in memory: so LLVM takes the addresses of rows for unrelated, and does not derive
        one from another in a chain of additions, which takes longer than the arithmetic.
        """
        places = [code.at("%frame", 8 * FRAME.index(name)) for name in names]
        kinds = ["ptr" if name in POINTERS else "i64" for name in names]
        return [code.load(kind, place, 8) for kind, place in zip(kinds, places, strict=True)]

    def tile(self, rows: int, vectors: int) -> str:
        """A tile of c: rows of some vectors; with masks, `last` lanes of the last one."""
        code = Code()
        k, a_column, b_start, b_row, add = self.frame(code, "k", "a_column", "b", "b_row", "add")
        (a_row,) = self.frame(code, "a_row")
        stride = {12: 6, 8: 4}.get(rows, 2)  # rows from one start to the next
        starts = self.frame(code, *[f"a{r}" for r in range(0, rows, stride)])
        fresh = code.test("eq", add, 0)
        masks, old_masks = [""] * vectors, [""] * vectors
        if self.masks:
            bits = f"<{self.lanes} x i1>"
            if vectors <= 2:
                masks[-1] = self.first_lanes(code, *self.frame(code, "last"))
            for v in range(vectors):
                whole = masks[v] or "splat (i1 true)"
                old_masks[v] = code.put(
                    f"select i1 {fresh}, {bits} zeroinitializer, {bits} {whole}"
                )
        cells = [(r, v) for r in range(rows) for v in range(vectors)]
        self.prefetch(code, self.places(code, rows, vectors).values())
        code.do(f"br i1 {code.test('sgt', k, 0)}, label %loop, label %done")
        code.label("loop")
        entry = len(code.lines)
        counter, b_now = code.name(), code.name()
        a_now = [code.name() for _ in starts]
        sums = {cell: code.name() for cell in cells}
        b = [
            self.load(code, code.at(b_now, v * self.vector_bytes) if v else b_now, masks[v])
            for v in range(vectors)
        ]
        following = {}
        here = ""
        for r in range(rows):
            here = code.at(here, a_row) if r % stride else a_now[r // stride]
            x = self.splat(code, code.load(self.kind, here, self.size))
            for v in range(vectors):
                following[r, v] = self.multiply_add(code, x, b[v], sums[r, v])
        next_a = [code.at(p, a_column) for p in a_now]
        next_b = code.at(b_now, b_row)
        left = code.i64("sub", counter, 1)
        code.do(f"br i1 {code.test('sgt', left, 0)}, label %loop, label %done")
        heads = [f"  {counter} = phi i64 [ {k}, %entry ], [ {left}, %loop ]"]
        heads.append(f"  {b_now} = phi ptr [ {b_start}, %entry ], [ {next_b}, %loop ]")
        for p, start, then in zip(a_now, starts, next_a, strict=True):
            heads.append(f"  {p} = phi ptr [ {start}, %entry ], [ {then}, %loop ]")
        for cell in cells:
            ways = f"[ zeroinitializer, %entry ], [ {following[cell]}, %loop ]"
            heads.append(f"  {sums[cell]} = phi {self.vector} {ways}")
        code.lines[entry:entry] = heads
        code.label("done")
        final = {}
        for cell in cells:
            ways = f"[ zeroinitializer, %entry ], [ {following[cell]}, %loop ]"
            final[cell] = code.put(f"phi {self.vector} {ways}")
        places = self.places(code, rows, vectors)  # anew: else they would be kept in the loop
        if not self.masks:
            code.do(f"br i1 {fresh}, label %set, label %update")
            code.label("set")
            for cell in cells:
                self.store(code, final[cell], places[cell])
            code.do("ret void")
            code.label("update")
        for r, v in cells:
            old = self.load(code, places[r, v], old_masks[v])
            new = code.put(f"fadd {self.vector} {final[r, v]}, {old}")
            self.store(code, new, places[r, v], masks[v])
        return code.define(f"tile_{rows}_{vectors}", "ptr %frame")

    def places(self, code: Code, rows: int, vectors: int) -> dict[tuple[int, int], str]:
        """The addresses of a tile's vectors of c."""
        found = {}
        place, step = self.frame(code, "c", "c_row")
        for r in range(rows):
            for v in range(vectors):
                found[r, v] = code.at(place, v * self.vector_bytes) if v else place
            if r + 1 < rows:
                place = code.at(place, step)
        return found

    def prefetch(self, code: Code, places: Iterable[str]) -> None:
        """Have the lines of a tile of c at hand when its sums are done."""
        self.declarations.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        for place in places:
            code.do(f"call void @llvm.prefetch.p0(ptr {place}, i32 1, i32 3, i32 1)")

    def dispatch(self, tiles: list[tuple[int, int]]) -> str:
        """`tile`: calls the function for some rows and vectors."""
        code = Code()
        key = code.i64("add", code.i64("mul", "%rows", 16), "%vectors")
        ways = " ".join(f"i64 {16 * r + v}, label %tile_{r}_{v}" for r, v in tiles)
        code.do(f"switch i64 {key}, label %none [ {ways} ]")
        for r, v in tiles:
            code.label(f"tile_{r}_{v}")
            code.do(f"call void @tile_{r}_{v}(ptr %frame)")
            code.do("ret void")
        code.label("none")
        self.declarations.add("declare void @llvm.trap()")
        code.do("call void @llvm.trap()")
        return code.define("tile", "i64 %rows, i64 %vectors, ptr %frame")

    def edge(self) -> str:
        """A tile by way of the stack: of too few columns, or with strides of its own."""
        code = Code()
        count = self.shape.rows * self.width
        code.cells.append(f"  %stack = alloca [{count} x {self.kind}], align 64")
        line = self.width * self.size
        c, c_row, add = self.frame(code, "c", "c_row", "add")

        def put(name: str, value: str | int) -> None:
            kind = "ptr" if name in POINTERS else "i64"
            code.store(kind, value, code.at("%frame", 8 * FRAME.index(name)), 8)

        put("c", "%stack")
        put("c_row", line)
        put("add", 0)
        code.do("call void @tile(i64 %rows, i64 %vectors, ptr %frame)")
        put("c_row", c_row)
        put("add", add)
        adds = code.test("ne", add, 0)
        with code.loop(0, "%rows", some=True) as i:
            source = code.at("%stack", code.i64("mul", i, line))
            place = code.at(c, code.i64("mul", i, c_row))
            with code.loop(0, "%columns", some=True) as j:
                here = code.at(source, code.i64("mul", j, self.size))
                there = code.at(place, code.i64("mul", j, "%c_column"))
                cell = code.cell(self.kind, code.load(self.kind, here, self.size))
                with code.when(adds):
                    now, old = code.load(self.kind, cell, 8), code.load(self.kind, there, self.size)
                    code.store(self.kind, code.put(f"fadd {self.kind} {now}, {old}"), cell, 8)
                code.store(self.kind, code.load(self.kind, cell, 8), there, self.size)
        return code.define(
            "edge", "i64 %rows, i64 %vectors, i64 %columns, i64 %c_column, ptr %frame"
        )

    # ----------------------------------------------------------------------------- packing

    def context(self, code: Code, names: str = "") -> dict[str, str]:
        """The fields of the context."""
        found = {}
        for name in names.split() or FIELDS:
            place = code.at("%context", 8 * FIELDS.index(name))
            kind = "ptr" if name in ("a", "b", "c", "packed") else "i64"
            found[name] = code.load(kind, place, 8)
        return found

    def pack(self) -> str:
        """`pack`: `columns` columns of b, `k` long, into a panel, filled up with zeros."""
        code = Code()
        line = self.width * self.size
        code.block = "entry"
        along = code.test("eq", "%b_column", self.size)
        whole = code.test("eq", "%columns", self.width)
        simple = code.put(f"and i1 {along}, {whole}")
        with code.when(simple), code.loop(0, "%k") as q:
            source = code.at("%b", code.i64("mul", q, "%b_row"))
            place = code.at("%to", code.i64("mul", q, line))
            for v in range(2):
                x = self.load(code, code.at(source, v * self.vector_bytes))
                self.store(code, x, code.at(place, v * self.vector_bytes))
        with code.unless(simple):
            with code.unless(whole), code.loop(0, "%k") as q:
                place = code.at("%to", code.i64("mul", q, line))
                for v in range(2):
                    self.store(code, "zeroinitializer", code.at(place, v * self.vector_bytes))
            self.pack_columns(code)
        return code.define(
            "pack", "i64 %columns, i64 %k, ptr %b, i64 %b_row, i64 %b_column, ptr %to"
        )

    def pack_columns(self, code: Code) -> None:
        """The columns one by one; where they are contiguous, squares are transposed."""
        line = self.width * self.size
        side = min(self.lanes, 8)
        down = code.test("eq", "%b_row", self.size)
        squares = code.choose(down, code.i64("and", "%k", -side), 0)
        with code.loop(0, "%columns", side) as j:
            left = code.i64("sub", "%columns", j)
            done = code.choose(code.test("sge", left, side), squares, 0)
            source = code.at("%b", code.i64("mul", j, "%b_column"))
            panel = code.at("%to", code.i64("mul", j, self.size))
            with code.loop(0, done, side) as q:
                here = code.at(source, code.i64("mul", q, self.size))
                place = code.at(panel, code.i64("mul", q, line))
                self.transpose(code, side, here, place)
            with code.loop(0, code.least(left, side)) as x:
                column = code.at(source, code.i64("mul", x, "%b_column"))
                target = code.at(panel, code.i64("mul", x, self.size))
                with code.loop(done, "%k") as q:
                    here = code.at(column, code.i64("mul", q, "%b_row"))
                    value = code.load(self.kind, here, self.size)
                    place = code.at(target, code.i64("mul", q, line))
                    code.store(self.kind, value, place, self.size)

    def transpose(self, code: Code, side: int, here: str, place: str) -> None:
        """A square of columns turned into rows of the panel: log2(side) perfect shuffles."""
        vector, half = f"<{side} x {self.kind}>", side // 2
        rows = []
        for r in range(side):
            rows.append(code.load(vector, here, self.size))
            if r + 1 < side:
                here = code.at(here, "%b_column")
        low = ", ".join(f"i32 {x}" for i in range(half) for x in (i, side + i))
        high = ", ".join(f"i32 {x}" for i in range(half, side) for x in (i, side + i))
        for _ in range(side.bit_length() - 1):
            pairs = [f"{vector} {rows[i]}, {vector} {rows[i + half]}" for i in range(half)]
            rows = [
                code.put(f"shufflevector {pair}, <{side} x i32> <{order}>")
                for pair in pairs
                for order in (low, high)
            ]
        for r, x in enumerate(rows):
            code.store(vector, x, code.at(place, r * self.width * self.size), self.size)

    def pack_panel(self, code: Code, f: dict[str, str], j: str, start: str, k: str) -> str:
        """Pack a stretch of the panel that begins at column j; its address."""
        line = self.width * self.size
        whole = code.i64("mul", code.i64("udiv", j, self.width), code.i64("mul", f["k"], line))
        place = code.at(code.at(f["packed"], whole), code.i64("mul", start, line))
        columns = code.least(code.i64("sub", f["n"], j), self.width)
        source = code.at(f["b"], code.i64("mul", j, f["b_column"]))
        source = code.at(source, code.i64("mul", start, f["b_row"]))
        code.do(
            f"call void @pack(i64 {columns}, i64 {k}, ptr {source}, i64 {f['b_row']},"
            f" i64 {f['b_column']}, ptr {place})"
        )
        return place

    def pack_body(self) -> str:
        """The body of the loop over all panels of b."""
        code = Code()
        f = self.context(code, "n k b b_row b_column packed")
        self.pack_panel(code, f, code.i64("mul", "%index", self.width), "0", f["k"])
        return code.define("pack_body", "ptr %context, i64 %index")

    # -------------------------------------------------------------------------- dot products

    def dot(self, rows: int, columns: int) -> str:
        """Some rows of a times some columns of b, both contiguous along k."""
        code = Code()
        starts, others = ["%a"], ["%b"]
        for _ in range(rows - 1):
            starts.append(code.at(starts[-1], "%a_row"))
        for _ in range(columns - 1):
            others.append(code.at(others[-1], "%b_column"))
        pairs = [(r, j) for r in range(rows) for j in range(columns)]
        sums = {
            (*pair, v): code.cell(self.vector, "zeroinitializer", 64)
            for pair in pairs
            for v in range(2)
        }
        even = code.i64("and", "%k", -2 * self.lanes)

        def piece(q: str, v: int, mask: str = "") -> None:
            offset = code.i64("mul", code.i64("add", q, v * self.lanes), self.size)
            y = [self.load(code, code.at(start, offset), mask) for start in others]
            for r in range(rows):
                x = self.load(code, code.at(starts[r], offset), mask)
                for j in range(columns):
                    old = code.load(self.vector, sums[r, j, v], 64)
                    new = self.multiply_add(code, x, y[j], old)
                    code.store(self.vector, new, sums[r, j, v], 64)

        with code.loop(0, even, 2 * self.lanes) as q:
            piece(q, 0)
            piece(q, 1)
        if self.masks:
            with code.loop(even, "%k", self.lanes) as q:
                left = code.least(code.i64("sub", "%k", q), self.lanes)
                piece(q, 0, self.first_lanes(code, left))
        name = f"llvm.vector.reduce.fadd.{self.suffix}"
        add = code.test("ne", "%add", 0)
        for r, j in pairs:
            x, y = (code.load(self.vector, sums[r, j, v], 64) for v in range(2))
            both = code.put(f"fadd {self.vector} {x}, {y}")
            given = [f"{self.kind} -0.0", f"{self.vector} {both}"]
            total = code.cell(self.kind, self.call(name, self.kind, given, code, "reassoc "))
            if not self.masks:
                with code.loop(even, "%k") as q:
                    offset = code.i64("mul", q, self.size)
                    x = code.load(self.kind, code.at(starts[r], offset), self.size)
                    y = code.load(self.kind, code.at(others[j], offset), self.size)
                    old = code.load(self.kind, total, 8)
                    code.store(self.kind, self.multiply_add(code, x, y, old, False), total, 8)
            place = code.at("%c", code.i64("mul", "%c_row", r)) if r else "%c"
            place = code.at(place, code.i64("mul", "%c_column", j)) if j else place
            with code.when(add):
                old, now = code.load(self.kind, place, self.size), code.load(self.kind, total, 8)
                code.store(self.kind, code.put(f"fadd {self.kind} {now}, {old}"), total, 8)
            code.store(self.kind, code.load(self.kind, total, 8), place, self.size)
        return code.define(f"dot_{rows}_{columns}", DOT)

    def dots(self) -> str:
        """The body of the loop over blocks of rows, where c has few columns."""
        code = Code()
        f = self.context(code, "m n k a a_row b b_column c c_row c_column add block_rows")
        start = code.i64("mul", "%index", f["block_rows"])
        stop = code.least(code.i64("add", start, f["block_rows"]), f["m"])
        by_four = code.i64("add", start, code.i64("and", code.i64("sub", stop, start), -4))
        by_two = code.i64("and", f["n"], -2)
        for rows, first, last in ((4, start, by_four), (1, by_four, stop)):
            with code.loop(first, last, rows) as i:
                f["a"], a = (code.at(f["a"], code.i64("mul", i, f["a_row"])), f["a"])
                f["c"], c = (code.at(f["c"], code.i64("mul", i, f["c_row"])), f["c"])
                if rows > 1:
                    with code.loop(0, by_two, 2) as j:
                        self.call_dot(code, f, j, "dot_4_2")
                with code.loop(by_two if rows > 1 else 0, f["n"]) as j:
                    self.call_dot(code, f, j, f"dot_{rows}_1")
                f["a"], f["c"] = a, c
        return code.define("dots", "ptr %context, i64 %index")

    def call_dot(self, code: Code, f: dict[str, str], j: str, name: str) -> None:
        """Call a function of dot products for the columns from j on."""
        now = dict(f)
        for x in "bc":
            now[x] = code.at(f[x], code.i64("mul", j, f[f"{x}_column"]))
        parts = [part.split() for part in DOT.split(", ")]
        given = ", ".join(f"{kind} {now[part[1:]]}" for kind, part in parts)
        code.do(f"call void @{name}({given})")

    # ------------------------------------------------------------------------------ blocks

    def block(self) -> str:
        """The body of the loop over the blocks of c."""
        code = Code()
        f = self.context(code)
        line, size = self.width * self.size, self.size
        i_block = code.i64("urem", "%index", f["grid_rows"])
        j_block = code.i64("udiv", "%index", f["grid_rows"])
        i_start = code.i64("mul", i_block, f["block_rows"])
        i_stop = code.least(code.i64("add", i_start, f["block_rows"]), f["m"])
        j_start = code.i64("mul", j_block, f["block_columns"])
        j_stop = code.least(code.i64("add", j_start, f["block_columns"]), f["n"])
        direct = code.test("ne", f["direct"], 0)
        inside = code.test("ne", f["inside"], 0)
        crooked = code.test("ne", f["c_column"], size)
        few = code.i64("mul", f["few"], self.lanes)
        code.cells.append(f"  %frame = alloca [{len(FRAME)} x i64], align 64")

        def tell(name: str, value: str) -> None:
            kind = "ptr" if name in POINTERS else "i64"
            code.store(kind, value, code.at("%frame", 8 * FRAME.index(name)), 8)

        for name in ("a_row", "a_column", "c_row"):
            tell(name, f[name])
        with code.loop(0, f["k"], f["stretch"], some=True) as p:
            k = code.least(code.i64("sub", f["k"], p), f["stretch"])
            later = code.put(f"zext i1 {code.test('sgt', p, 0)} to i64")
            add = code.i64("or", f["add"], later)
            tell("k", k)
            tell("add", add)
            j_cell = code.cell("i64", j_start)
            with code.repeat() as leave:
                j = code.load("i64", j_cell, 8)
                leave(code.test("sge", j, j_stop))
                left = code.i64("sub", j_stop, j)
                wide = code.choose(code.test("sge", left, few), few, self.width)
                columns = code.least(left, wide)
                code.store("i64", code.i64("add", j, columns), j_cell, 8)
                vectors = code.ceil(columns, self.lanes)
                before = code.i64("mul", code.i64("sub", vectors, 1), self.lanes)
                last = code.i64("sub", columns, before)
                partial = code.test("slt", last, self.lanes)
                in_place, by_stack = direct, crooked
                if not self.masks:
                    in_place = code.choose(partial, "false", direct, "i1")
                    by_stack = code.choose(partial, "true", crooked, "i1")
                b_cell, row_cell = code.cell("ptr"), code.cell("i64", line)
                panel = code.i64("mul", code.i64("udiv", j, self.width), f["k"])
                panel = code.i64("mul", code.i64("add", panel, p), line)
                code.store("ptr", code.at(f["packed"], panel), b_cell, 8)
                with code.when(in_place):
                    b = code.at(f["b"], code.i64("mul", j, size))
                    code.store("ptr", code.at(b, code.i64("mul", p, f["b_row"])), b_cell, 8)
                    code.store("i64", f["b_row"], row_cell, 8)
                with code.when(code.choose(in_place, "false", inside, "i1")):
                    self.pack_panel(code, f, j, p, k)
                b, b_row = code.load("ptr", b_cell, 8), code.load("i64", row_cell, 8)
                tell("last", last)
                tell("b", b)
                tell("b_row", b_row)
                i_cell = code.cell("i64", i_start)
                with code.repeat() as leave:
                    i = code.load("i64", i_cell, 8)
                    leave(code.test("sge", i, i_stop))
                    height = code.least(code.i64("sub", i_stop, i), 2 * self.shape.rows)
                    at = code.put(f"getelementptr i8, ptr @rows, i64 {height}")
                    rows = code.put(f"zext i8 {code.load('i8', at, 1)} to i64")
                    code.store("i64", code.i64("add", i, rows), i_cell, 8)
                    a = code.at(f["a"], code.i64("mul", i, f["a_row"]))
                    a = code.at(a, code.i64("mul", p, f["a_column"]))
                    c = code.at(f["c"], code.i64("mul", i, f["c_row"]))
                    c = code.at(c, code.i64("mul", j, f["c_column"]))
                    two = code.i64("mul", f["a_row"], 2)
                    for name in ("a0", "a2", "a4", "a6"):
                        tell(name, a)
                        a = code.at(a, two)
                    tell("c", c)
                    with code.when(by_stack):
                        step = f["c_column"]
                        code.do(
                            f"call void @edge(i64 {rows}, i64 {vectors}, i64 {columns}, i64 {step},"
                            " ptr %frame)"
                        )
                    with code.unless(by_stack):
                        code.do(f"call void @tile(i64 {rows}, i64 {vectors}, ptr %frame)")
        return code.define("block", "ptr %context, i64 %index")

    def one_pass(self) -> str:
        """A product that the workspace suffices for: fills in a context, runs the blocks."""
        code = Code()
        size, lanes, width = self.size, self.lanes, self.width
        f: dict[str, str | int] = {name: f"%{name}" for name in FIELDS[:13]}
        f["packed"] = "%workspace"
        context = f"%context = alloca [{len(FIELDS)} x i64], align 64"
        code.cells.append(f"  {context}")
        for name, value in f.items():
            kind = "ptr" if name in ("a", "b", "c", "packed") else "i64"
            code.store(kind, value, code.at("%context", 8 * FIELDS.index(name)), 8)

        def put(name: str, value: str | int) -> None:
            code.store("i64", value, code.at("%context", 8 * FIELDS.index(name)), 8)

        def both(a: str, b: str) -> str:
            return code.put(f"and i1 {a}, {b}")

        work = code.i64("mul", code.i64("mul", "%m", "%n"), "%k")
        alone = code.put("icmp eq ptr %parallel, null")
        small = code.test("slt", work, SERIAL)
        alone = code.put(f"or i1 {alone}, {small}")
        count, body = code.cell(), code.cell("ptr", "@block")
        # Dot products
        dotted = code.test("ne", "%dotted", 0)
        with code.when(dotted):
            blocks = code.ceil(work, BLOCK_WORK // 8)
            rows = code.ceil("%m", code.least(blocks, "%m"))
            rows = code.i64("and", code.i64("add", rows, 3), -4)
            put("block_rows", rows)
            code.store("i64", code.ceil("%m", rows), count, 8)
            code.store("ptr", "@dots", body, 8)
            with code.when(code.test("ne", "%b_row", size)):
                length = code.i64("mul", "%k", size)
                with code.loop(0, "%n") as j:
                    source = code.at("%b", code.i64("mul", j, "%b_column"))
                    place = code.at("%workspace", code.i64("mul", j, length))
                    with code.loop(0, "%k") as q:
                        here = code.at(source, code.i64("mul", q, "%b_row"))
                        value = code.load(self.kind, here, size)
                        there = code.at(place, code.i64("mul", q, size))
                        code.store(self.kind, value, there, size)
                code.store("ptr", "%workspace", code.at("%context", 8 * FIELDS.index("b")), 8)
                put("b_column", length)
        with code.unless(dotted):
            grid = code.ceil("%m", BLOCK_ROWS)
            unit = self.shape.rows
            rows = code.i64("mul", code.ceil(code.ceil("%m", grid), unit), unit)
            put("block_rows", rows)
            grid = code.ceil("%m", rows)
            put("grid_rows", grid)
            stretches = code.ceil("%k", LONGEST)
            some = code.test("sgt", "%k", 0)
            stretches = code.choose(some, stretches, 1)
            stretch = code.ceil("%k", stretches)
            put("stretch", code.choose(some, stretch, 1))
            single = code.test("eq", grid, 1)
            unit_column = code.test("eq", "%b_column", size)
            low = code.test("sle", "%m", 2 * unit)
            spread = code.i64("mul", "%k", "%b_row")  # few pages: b is as good where it lies
            low = code.put(f"or i1 {low}, {code.test('ult', spread, NEAR)}")
            direct = both(both(single, unit_column), low)
            put("direct", code.put(f"zext i1 {direct} to i64"))
            put("inside", code.put(f"zext i1 {single} to i64"))
            few: str | int = 2
            for r, vectors in reversed(self.wide()):
                few = code.choose(code.test("eq", "%m", r), vectors, few)
            straight = both(direct, code.test("eq", "%c_column", size))
            few = code.choose(straight, few, 2)
            put("few", few)
            lines = code.i64("mul", code.least(rows, "%m"), code.choose(some, "%k", 1))
            share = code.i64("udiv", work, BLOCKS)
            share = code.choose(code.test("sgt", share, BLOCK_WORK), share, BLOCK_WORK)
            step = code.i64("mul", few, lanes)
            most = code.i64("udiv", BLOCK_BYTES // size, rows)
            columns = code.least(code.i64("udiv", share, lines), most)
            panels = code.ceil(columns, step)
            parts = code.ceil("%n", code.i64("mul", panels, step))
            columns = code.ceil(code.ceil("%n", parts), step)  # blocks of about one width
            columns = code.i64("mul", columns, step)
            put("block_columns", columns)
            code.store("i64", code.i64("mul", grid, code.ceil("%n", columns)), count, 8)
            with code.unless(single):
                panels = code.ceil("%n", width)
                self.share(code, alone, "@pack_body", panels)
        self.share(code, alone, code.load("ptr", body, 8), code.load("i64", count, 8))
        arguments = ", ".join(
            f"{'ptr' if name in ('a', 'b', 'c') else 'i64'} %{name}" for name in FIELDS[:13]
        )
        return code.define(
            "one_pass", f"{arguments}, i64 %dotted, ptr %workspace, ptr %parallel, ptr %pool"
        )

    def share(self, code: Code, alone: str, body: str, count: str) -> None:
        """Run a body for each index: here, or by `parallel`."""
        here = code.put(f"or i1 {alone}, {code.test('sle', count, 1)}")
        with code.when(here), code.loop(0, count) as i:
            code.do(f"call void {body}(ptr %context, i64 {i})")
        with code.unless(here):
            code.do(f"call void %parallel(ptr %pool, ptr {body}, ptr %context, i64 {count})")

    def product(self) -> str:
        """Strides in bytes; which operand is the first; passes."""
        code = Code()
        size = self.size
        g = {name: code.cell("ptr" if name in "abc" else "i64") for name in FIELDS[:12]}

        def get(name: str) -> str:
            return code.load("ptr" if name in "abc" else "i64", g[name], 8)

        def put(name: str, value: str | int) -> None:
            code.store("ptr" if name in "abc" else "i64", value, g[name], 8)

        def every(*conditions: str) -> str:
            found = conditions[0]
            for each in conditions[1:]:
                found = code.put(f"and i1 {found}, {each}")
            return found

        def either(a: str, b: str) -> str:
            return code.put(f"or i1 {a}, {b}")

        for name in "m n k a b c".split():
            put(name, f"%{name}")
        for name in "a_row a_column b_row b_column c_row c_column".split():
            put(name, code.i64("mul", f"%{name}", size))
        # A stride that nothing is reached by is what suits best.
        for length, names in (("n", "b_column c_column"), ("m", "a_row c_row")):
            one = code.test("eq", f"%{length}", 1)
            for name in names.split():
                put(name, code.choose(one, size, get(name)))
        long = code.test("sge", "%k", 2 * self.lanes)
        is_unit = {name: code.test("eq", get(name), size) for name in FIELDS[3:12] if "_" in name}
        not_unit = {name: code.put(f"xor i1 {x}, true") for name, x in is_unit.items()}
        few_columns, few_rows = code.test("sle", "%n", FEW), code.test("sle", "%m", FEW)
        dots = every(few_columns, is_unit["a_column"], long)
        other = every(few_rows, is_unit["b_row"], not_unit["b_column"], long)
        dots = every(dots, code.put(f"xor i1 {other}, true"))
        turned = every(not_unit["c_column"], is_unit["c_row"])
        thin = every(few_columns, is_unit["a_row"], code.test("sgt", "%m", self.lanes))
        turned = either(turned, thin)
        turned = every(turned, code.put(f"xor i1 {dots}, true"))
        turned = either(turned, other)
        dotted = code.put(f"zext i1 {either(dots, other)} to i64")
        with code.when(turned):
            for x, y in (
                ("m", "n"), ("a", "b"), ("a_row", "b_column"), ("a_column", "b_row"),
                ("c_row", "c_column"),
            ):  # fmt: skip
                old, new = get(x), get(y)
                put(x, new)
                put(y, old)
        f = {name: get(name) for name in g}
        pointers = {"a": ("m", "k"), "b": ("k", "n"), "c": ("m", "n")}
        whole = code.test("ne", dotted, 0)  # no passes over k or m: columns alone are packed
        steps: dict[str, str | int] = {
            "m": code.choose(whole, f["m"], ROWS),
            "n": COLUMNS,
            "k": code.choose(whole, f["k"], DEPTH),
        }
        with (
            code.loop(0, f["n"], steps["n"]) as j,
            code.loop(0, f["k"], steps["k"], some=True) as p,
            code.loop(0, f["m"], steps["m"]) as i,
        ):
            start = {"m": i, "n": j, "k": p}
            given = [f"i64 {code.least(code.i64('sub', f[x], start[x]), steps[x])}" for x in "mnk"]
            for name, (down, along) in pointers.items():
                place = code.at(f[name], code.i64("mul", start[down], f[f"{name}_row"]))
                place = code.at(place, code.i64("mul", start[along], f[f"{name}_column"]))
                given += [f"ptr {place}", f"i64 {f[name + '_row']}", f"i64 {f[name + '_column']}"]
            added = code.put(f"zext i1 {code.test('ne', '%accumulate', 0)} to i64")
            later = code.put(f"zext i1 {code.test('sgt', p, 0)} to i64")
            given.append(f"i64 {code.i64('or', added, later)}")
            given += [f"i64 {dotted}", "ptr %workspace", "ptr %parallel", "ptr %pool"]
            code.do(f"call void @one_pass({', '.join(given)})")
        return code.define("product", PRODUCT, "")

    def group(self) -> str:
        """The body of the loop over groups of a stack's products, which it forms one by one."""
        code = Code()
        names = [part.split()[1][1:] for part in STACK.split(", ")]
        kinds = dict(zip(names, (part.split()[0] for part in STACK.split(", ")), strict=True))
        places = {
            name: code.at("%context", 8 * i) for i, name in enumerate([*names, "each", "bytes"])
        }
        f = {name: code.load(kinds.get(name, "i64"), place, 8) for name, place in places.items()}
        start = code.i64("mul", "%index", f["each"])
        stop = code.least(code.i64("add", start, f["each"]), f["count"])
        f["workspace"] = code.at(f["workspace"], code.i64("mul", "%index", f["bytes"]))
        f["parallel"] = f["pool"] = "null"
        with code.loop(start, stop) as i:
            self.call_product(code, f, i)
        return code.define("group", "ptr %context, i64 %index")

    def call_product(self, code: Code, f: dict[str, str], i: str) -> None:
        """Call `product` for one of a stack."""
        now = dict(f)
        for name in "abc":
            offset = code.i64("mul", code.i64("mul", i, f[f"{name}_batch"]), self.size)
            now[name] = code.at(f[name], offset)
        names = [part.split() for part in PRODUCT.split(", ")]
        given = ", ".join(f"{kind} {now[name[1:]]}" for kind, name in names)
        code.do(f"call void @product({given})")

    def products(self) -> str:
        """A stack: small products in groups, large ones one by one, each shared."""
        code = Code()
        parts = [part.split() for part in STACK.split(", ")]
        f = {name[1:]: name for _, name in parts}
        code.cells.append(f"  %context = alloca [{len(parts) + 2} x i64], align 64")
        for place, (kind, name) in enumerate(parts):
            code.store(kind, name, code.at("%context", 8 * place), 8)
        work = code.i64("mul", code.i64("mul", "%m", "%n"), "%k")
        small = code.test("slt", work, WHOLE)
        short = code.test("sle", "%k", DEPTH)
        grouped = code.put(f"and i1 {small}, {short}")
        with code.unless(grouped), code.loop(0, "%count") as i:
            self.call_product(code, f, i)
        with code.when(grouped):
            positive = code.choose(code.test("sgt", work, 1), work, 1)
            each, least = code.ceil(f"{SERIAL}", positive), code.ceil("%count", GROUPS)
            each = code.choose(code.test("sgt", each, least), each, least)
            longer = code.choose(code.test("sgt", "%m", "%n"), "%m", "%n")
            across = code.i64("mul", code.ceil(longer, self.width), self.width)
            across = code.i64("mul", code.i64("add", across, FEW), "%k")
            room = code.i64("add", code.i64("mul", across, self.size), 64)
            code.store("i64", each, code.at("%context", 8 * len(parts)), 8)
            code.store(
                "i64", code.i64("and", room, -64), code.at("%context", 8 * len(parts) + 8), 8
            )
            alone = code.put("icmp eq ptr %parallel, null")
            self.share(code, alone, "@group", code.ceil("%count", each))
        return code.define("products", STACK, "")
