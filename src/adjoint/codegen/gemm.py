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
- At the lower edge tiles have fewer rows: there are a large and a low tile, each of two halves
  that may overlap, where the same is computed and stored twice; the edge is divided such that the
  fewest cycles are lost.  Tiles of a c without unit column stride (without masks: those at the
  right edge, too) are summed into a tile on the stack, from which the elements of c are copied.
  What comes of the zeros never reaches c.
- With few columns (or rows: then b^T a^T is formed instead) and both operands contiguous along k,
  vectors run along k: an element is a dot product.

**Time to compile.**  LLVM's time goes with the lines, so there are few tiles.  Only they and the
dot products are optimised; all else is compiled as it stands (`optnone`), and so written with
loops that count in registers and with shifts instead of divisions by powers of two.

**Bits.**  c is divided into blocks by the sizes alone; an element's sum runs over k in order, in
the same stretches, whoever computes its block.  Nothing depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .lines import Code
from .registers import Fields, Function, Optimised
from .shuffles import places, summed, transposed
from .targets import Target

BYTES = {"float": 4, "double": 8}
SUFFIX = {"float": "f32", "double": "f64"}
LONGEST = 800  # k of one stretch that a tile is summed over, at most: shorter takes longer
COLUMNS, DEPTH = 2048, 2048  # of one pass: what the workspace must hold, at most
BLOCK_ROWS = 192  # of a block of c, at most: its part of a stays in the second cache
BLOCK_BYTES = 1 << 18  # and the block itself
BLOCK_WORK = 1 << 20  # multiply-adds of a block, at least, where there are so many
BLOCKS = 64  # of a pass, about, where they have more work
SERIAL = 1 << 18  # multiply-adds of a product that is not worth sharing
WHOLE = 1 << 17  # multiply-adds from which on the products of a stack are shared one by one
GROUPS = 64  # of a stack's products, otherwise, at most
NEAR = 1 << 15  # bytes from b's first row to its last where it need not be packed
FEW = 8  # columns that dot products are formed for


class Shape(NamedTuple):
    """How a target's registers are used."""

    lanes: int
    rows: int  # of the large tile
    broad: tuple[tuple[int, int], ...]  # rows, vectors of tiles that read b in place, fewest first

    @property
    def width(self) -> int:
        """Columns of a panel of b."""
        return 2 * self.lanes


LOW = 4  # rows of the low tile: fewer take as long, as one multiply-add waits for the one before


def shape(target: Target, kind: str) -> Shape:
    """Tiles of 8 x 2 vectors where there are 32 registers, 6 x 2 where there are 16."""
    lanes = target.vector_bits // 8 // BYTES[kind]
    if target.vector_bits == 512 or target.triple.startswith(("aarch64", "arm64")):
        return Shape(lanes, 8, ((1, 16), (2, 8), (4, 4)))
    return Shape(lanes, 6, ((1, 8), (2, 4)))


def first_rows(rows: int, vectors: int) -> list[int]:
    """How many rows the next tile has, by the rows that are left (at most twice the largest).

    Fewest cycles: a tile of r rows by v vectors takes rv multiply-adds, two in a cycle, and no
    less than about five cycles, as one multiply-add waits for the one before.  The large tile takes
    as long for half of its rows.
    """
    cost, first = [0.0], [0]
    for left in range(1, 2 * rows + 1):
        ways = [(5.5, min(left, LOW))]
        if left > rows // 2 and left > LOW:
            ways.append((max(rows * vectors / 2, 5) + 0.5, min(left, rows)))
        found = min((cycles + cost[left - r], -r) for cycles, r in ways)
        cost.append(found[0])
        first.append(-found[1])
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
FRAME = "k a_row a_column a0 a1 b b_row c0 c1 c_row old0 old1 old_row columns".split()  # of a tile
POINTERS = ("a", "b", "c", "packed", "a0", "a1", "c0", "c1", "old0", "old1")


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
        rows = self.shape.rows
        tiles = [(rows, 2), (rows, 1), (LOW, 2), *self.shape.broad]
        tiles += [] if self.masks else [(LOW, 1)]
        functions = [self.tile(*x) for x in tiles]
        functions += [
            self.edge(),
            self.pack(),
            self.pack_body(),
            self.dot(),
            self.dots(),
            self.block(),
        ]
        functions += [self.product(), self.group(), self.products()]
        table = ", ".join(f"i8 {r}" for v in (2, 1) for r in first_rows(rows, v))
        room = max(vectors for _, vectors in self.shape.broad) * self.lanes
        head = [
            f"@rows = internal constant [{2 * (2 * rows + 1)} x i8] [{table}]",
            f"@zeros = internal constant [{room} x {self.kind}] zeroinitializer, align 64",
        ]
        return "\n".join(
            [f'target triple = "{self.target.triple}"', *sorted(self.declarations), *head, ""]
            + functions
        )

    # ----------------------------------------------------------------------------- numbers

    def multiply_add(self, code: Code, a: str, b: str, c: str, vector: bool = True) -> str:
        """a*b + c: rounded once where the processor does that."""
        kind = self.vector if vector else self.kind
        if self.target.fast_fma:
            name = f"llvm.fma.{self.suffix if vector else SUFFIX[self.kind]}"
            self.declarations.add(f"declare {kind} @{name}({kind}, {kind}, {kind})")
            return code.put(f"call {kind} @{name}({kind} {a}, {kind} {b}, {kind} {c})")
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

    def tell(self, code: Code, name: str, value: str | int) -> None:
        """Write what a tile function shall read."""
        kind = "ptr" if name in POINTERS else "i64"
        code.store(kind, value, code.at("%frame", 8 * FRAME.index(name)), 8)

    def tile(self, rows: int, vectors: int) -> str:
        """A tile of c: rows of some vectors; with masks, the first `columns` columns of it.

        c becomes the sums, plus what is at `old`.  All of that is read before anything is stored:
        the halves may have rows in common.
        """
        code = Optimised()
        names = "k b a0 a1 b_row a_column a_row c0 c1 c_row"
        k, b_start, a0, a1, b_row, a_column, a_row, *_ = self.frame(code, *names.split())
        masks = [""] * vectors
        if self.masks and vectors <= 2:
            (columns,) = self.frame(code, "columns")
            for v in range(0 if rows == LOW else vectors - 1, vectors):
                left = code.i64("sub", columns, v * self.lanes) if v else columns
                masks[v] = self.first_lanes(code, left)
        cells = [(r, v) for r in range(rows) for v in range(vectors)]
        code.go("loop")
        code.label("loop")
        entry = len(code.lines)
        sums = {cell: code.name() for cell in cells}
        half = max(rows // 2, 1)
        starts = (k, b_start, a0, a1)[: 2 + rows // half]
        kinds = ("i64", "ptr", "ptr", "ptr")[: len(starts)]
        moving = [code.name() for _ in kinds]
        now = [code.hidden(x, kind) for x, kind in zip(moving, kinds, strict=True)]
        b = [self.load(code, p, masks[v]) for v, p in enumerate(self.row(code, now[1], vectors))]
        following = {}
        here = ""
        for r in range(rows):
            here = code.at(here, a_row) if r % half else now[2 + r // half]
            x = self.splat(code, code.load(self.kind, here, self.size))
            for v in range(vectors):
                following[r, v] = self.multiply_add(code, x, b[v], sums[r, v])
        then = [code.i64("sub", now[0], 1), code.at(now[1], b_row)]
        then += [code.at(x, a_column) for x in now[2:]]
        code.do(f"br i1 {code.test('sgt', then[0], 0)}, label %loop, label %done")
        heads = [
            f"  {x} = phi {kind} [ {start}, %entry ], [ {following_}, %loop ]"
            for x, kind, start, following_ in zip(moving, kinds, starts, then, strict=True)
        ]
        for cell in cells:
            ways = f"[ zeroinitializer, %entry ], [ {following[cell]}, %loop ]"
            heads.append(f"  {sums[cell]} = phi {self.vector} {ways}")
        code.lines[entry:entry] = heads
        code.label("done")
        for r, row in enumerate(self.rows(code, rows, "old")):
            for v, place in enumerate(self.row(code, row, vectors)):
                old = self.load(code, place, masks[v])
                following[r, v] = code.put(f"fadd {self.vector} {following[r, v]}, {old}")
        for r, row in enumerate(self.rows(code, rows, "c")):
            for v, place in enumerate(self.row(code, row, vectors)):
                self.store(code, following[r, v], place, masks[v])
        return code.define(f"tile_{rows}_{vectors}", "ptr %frame")

    def rows(self, code: Code, rows: int, name: str) -> Iterator[str]:
        """The addresses of a tile's rows, of `c` or `old`: read anew, not kept in the loop."""
        first, second, step = self.frame(code, f"{name}0", f"{name}1", f"{name}_row")
        half = max(rows // 2, 1)
        for place in (first, second)[: rows // half]:
            for r in range(half):
                place = code.at(place, step) if r else place
                yield place

    def row(self, code: Code, place: str, vectors: int) -> list[str]:
        """The addresses of a row's vectors."""
        return [code.at(place, v * self.vector_bytes) if v else place for v in range(vectors)]

    def edge(self) -> str:
        """A tile by way of the stack: of too few columns, or with strides of its own."""
        code = Function()
        count = self.shape.rows * self.width
        code.cells.append(f"  %stack = alloca [{count} x {self.kind}], align 64")
        line = self.width * self.size
        for name in ("old0", "old1"):
            self.tell(code, name, "@zeros")
        self.tell(code, "c0", "%stack")
        self.tell(code, "c1", code.at("%stack", code.i64("mul", "%second", line)))
        self.tell(code, "c_row", line)
        self.tell(code, "old_row", 0)
        code.do("call void %tile(ptr %frame)")
        adds = code.test("ne", "%add", 0)
        row = ("%stack", line), ("%c", "%c_row")
        with code.walk(0, "%rows", 1, True, row) as (_, source, place):
            cells = (source, self.size), (place, "%c_column")
            with code.walk(0, "%columns", 1, True, cells) as (_, here, there):
                now = code.load(self.kind, here, self.size)
                old = code.load(self.kind, there, self.size)
                both = code.put(f"fadd {self.kind} {now}, {old}")
                code.store(self.kind, code.choose(adds, both, now, self.kind), there, self.size)
        return code.define(
            "edge",
            "ptr %tile, i64 %second, i64 %rows, i64 %columns, i64 %add, ptr %c, i64 %c_row,"
            " i64 %c_column, ptr %frame",
        )

    # ----------------------------------------------------------------------------- packing

    def context(self, code: Code) -> Fields:
        """The fields of the context."""
        kinds = {name: "ptr" if name in POINTERS else "i64" for name in FIELDS}
        return Fields(code, "%context", kinds)

    def pack(self) -> str:
        """`pack`: `columns` columns of b, `k` long, into a panel, filled up with zeros."""
        code = Function()
        line = self.width * self.size
        along = code.test("eq", "%b_column", self.size)
        whole = code.test("eq", "%columns", self.width)
        masks = ["", ""]
        if self.masks:
            masks[0] = self.first_lanes(code, "%columns")
            masks[1] = self.first_lanes(code, code.i64("sub", "%columns", self.lanes))
        simple = along if self.masks else code.both(along, whole)
        moves = ("%b", "%b_row"), ("%to", line)
        with code.when(simple), code.walk(0, "%k", along=moves) as (_, source, place):
            values = [
                self.load(code, x, m) for x, m in zip(self.row(code, source, 2), masks, strict=True)
            ]
            for x, there in zip(values, self.row(code, place, 2), strict=True):
                self.store(code, x, there)
        with code.unless(simple):
            with code.unless(whole), code.walk(0, "%k", along=moves[1:]) as (_, place):
                for there in self.row(code, place, 2):
                    self.store(code, "zeroinitializer", there)
            self.pack_columns(code)
        return code.define(
            "pack", "i64 %columns, i64 %k, ptr %b, i64 %b_row, i64 %b_column, ptr %to"
        )

    def pack_columns(self, code: Function) -> None:
        """The columns one by one; where they are contiguous, squares are transposed."""
        line, size = self.width * self.size, self.size
        side = min(self.lanes, 32 // size)
        down = code.test("eq", "%b_row", size)
        squares = code.choose(down, code.i64("and", "%k", -side), 0)
        across = ("%b", code.i64("mul", "%b_column", side)), ("%to", side * size)
        with code.walk(0, "%columns", side, along=across) as (j, source, panel):
            left = code.i64("sub", "%columns", j)
            done = code.choose(code.test("sge", left, side), squares, 0)
            ahead = (source, side * size), (panel, side * line)
            with code.walk(0, done, side, along=ahead) as (_, here, place):
                self.transpose(code, side, here, place)
            source = code.at(source, code.i64("mul", done, "%b_row"))
            panel = code.at(panel, code.i64("mul", done, line))
            moves = (source, "%b_column"), (panel, size)
            with code.walk(0, code.least(left, side), along=moves) as (_, column, target):
                cells = (column, "%b_row"), (target, line)
                with code.walk(done, "%k", along=cells) as (_, here, place):
                    code.store(self.kind, code.load(self.kind, here, size), place, size)

    def transpose(self, code: Code, side: int, here: str, place: str) -> None:
        """A square of columns turned into rows of the panel."""
        vector, columns = f"<{side} x {self.kind}>", []
        for r in range(side):
            here = code.at(here, "%b_column") if r else here
            columns.append(code.load(vector, here, self.size))
        part = min(side, 16 // self.size)
        for r, x in enumerate(transposed(code, self.kind, columns, part)):
            there = code.at(place, r * self.width * self.size)
            code.store(vector, x, there, self.size)

    def panel(self, code: Function, f: Fields, number: str) -> str:
        """The address of a panel in the workspace."""
        line = self.width * self.size
        return code.at(f["packed"], code.i64("mul", code.i64("mul", number, line), f["k"]))

    def pack_panel(self, code: Function, f: Fields, j: str, start: str, k: str, place: str) -> None:
        """Pack a stretch of the columns from j on."""
        columns = code.least(code.i64("sub", f["n"], j), self.width)
        source = code.at(f["b"], code.i64("mul", j, f["b_column"]))
        source = code.at(source, code.i64("mul", start, f["b_row"]))
        code.do(
            f"call void @pack(i64 {columns}, i64 {k}, ptr {source}, i64 {f['b_row']},"
            f" i64 {f['b_column']}, ptr {place})"
        )

    def pack_body(self) -> str:
        """The body of the loop over all panels of b."""
        code = Function()
        f = self.context(code)
        place = self.panel(code, f, "%index")
        self.pack_panel(code, f, code.i64("mul", "%index", self.width), "0", f["k"], place)
        return code.define("pack_body", "ptr %context, i64 %index, i64 %seat")

    # -------------------------------------------------------------------------- dot products

    def dots(self) -> str:
        """The body of the loop over blocks of rows, where c has few columns.

        Four rows times two columns, both contiguous along k.  Where fewer are left, one stands for
        those that are not there.
        """
        code = Function()
        size = self.size
        # Where `dot` leaves the sums: from one row's to the next, from one column's to the next.
        by_row, by_column = places(self.lanes)
        f = self.context(code)
        start = code.i64("mul", "%index", f["block_rows"])
        stop = code.least(code.i64("add", start, f["block_rows"]), f["m"])
        code.cells.append(f"  %sums = alloca [8 x {self.vector}], align 64")
        a = code.at(f["a"], code.i64("mul", start, f["a_row"]))
        c = code.at(f["c"], code.i64("mul", start, f["c_row"]))
        adds = code.test("ne", f["add"], 0)  # to what is there, or to 0
        old = code.choose(adds, c, "@zeros", "ptr")
        old_row, old_column = (code.choose(adds, f[x], 0) for x in ("c_row", "c_column"))
        down = (a, f["a_row"]), (c, f["c_row"]), (old, old_row)
        by_four = [(x, code.i64("mul", step, 4)) for x, step in down]
        b_step, c_step, old_step = (
            code.i64("mul", x, 2) for x in (f["b_column"], f["c_column"], old_column)
        )
        with code.walk(start, stop, 4, along=by_four) as (i, first, c_line, old_line):
            left = code.i64("sub", stop, i)
            height = code.least(left, 4)
            a_row = f["a_row"]
            steps = [code.choose(code.test("sgt", left, r), a_row, 0) for r in range(1, 4)]
            across = (f["b"], b_step), (c_line, c_step), (old_line, old_step)
            with code.walk(0, f["n"], 2, along=across) as (j, column, c_place, old_place):
                two = code.test("sgt", code.i64("sub", f["n"], j), 1)
                step = code.choose(two, f["b_column"], 0)
                given = [first, *steps, column, step]
                kinds = ("ptr", "i64", "i64", "i64", "ptr", "i64")
                given = [f"{kind} {x}" for kind, x in zip(kinds, given, strict=True)]
                code.do(f"call void @dot(i64 {f['k']}, {', '.join(given)}, ptr %sums)")
                moves: list[tuple[str, str | int]] = []
                moves += [("%sums", by_row * size), (c_place, f["c_row"]), (old_place, old_row)]
                moves += [] if self.masks else [(first, f["a_row"])]
                with code.walk(0, height, 1, True, moves) as (_, *cells):
                    self.dot_store(code, f["k"], column, *cells)
                    with code.when(two):
                        cells[0] = code.at(cells[0], by_column * size)
                        cells[1] = code.at(cells[1], f["c_column"])
                        cells[2] = code.at(cells[2], old_column)
                        other = "" if self.masks else code.at(column, f["b_column"])
                        self.dot_store(code, f["k"], other, *cells)
        return code.define("dots", "ptr %context, i64 %index, i64 %seat")

    def dot(self) -> str:
        """Sums, lane by lane, of the products of four rows and two columns.

        With masks of all elements, without of as many as fill vectors.
        """
        code = Optimised()
        bytes_ = self.vector_bytes
        rows = ["%a"]
        for r in range(1, 4):
            rows.append(code.at(rows[-1], f"%a{r}"))
        columns = ["%b", code.at("%b", "%b1")]
        code.go("loop")
        code.label("loop")
        entry = len(code.lines)
        left, offset = code.name(), code.name()
        now, here = code.hidden(left, "i64"), code.hidden(offset, "i64")
        mask = self.first_lanes(code, now) if self.masks else ""
        y = [self.load(code, code.at(column, here), mask) for column in columns]
        sums, following = [], []
        for row in rows:
            x = self.load(code, code.at(row, here), mask)
            for each in y:
                sums.append(code.name())
                following.append(self.multiply_add(code, x, each, sums[-1]))
        less, further = code.i64("sub", now, self.lanes), code.i64("add", here, bytes_)
        more = code.test("sge", less, 1 if self.masks else self.lanes)
        code.do(f"br i1 {more}, label %loop, label %done")
        code.lines[entry:entry] = [
            f"  {left} = phi i64 [ %k, %entry ], [ {less}, %loop ]",
            f"  {offset} = phi i64 [ 0, %entry ], [ {further}, %loop ]",
        ] + [
            f"  {old} = phi {self.vector} [ zeroinitializer, %entry ], [ {new}, %loop ]"
            for old, new in zip(sums, following, strict=True)
        ]
        code.label("done")
        for p, x in enumerate(summed(code, self.kind, following, self.lanes)):
            self.store(code, x, code.at("%sums", p * bytes_))
        return code.define(
            "dot", "i64 %k, ptr %a, i64 %a1, i64 %a2, i64 %a3, ptr %b, i64 %b1, ptr %sums"
        )

    def dot_store(
        self, code: Function, k: str, column: str, at: str, place: str, old: str, row: str = ""
    ) -> None:
        """An element of c: its sum, and what is at `old`."""
        total = code.load(self.kind, at, self.size)
        if not self.masks:
            total = self.dot_rest(code, total, row, column, k)
        before = code.load(self.kind, old, self.size)
        total = code.put(f"fadd {self.kind} {total}, {before}")
        code.store(self.kind, total, place, self.size)

    def dot_rest(self, code: Function, total: str, x: str, y: str, k: str) -> str:
        """A sum, and the products of the last elements, which fill no vector."""
        start = code.i64("and", k, -self.lanes)
        offset = code.i64("mul", start, self.size)
        cell = code.cell(self.kind, total)
        moves = (code.at(x, offset), self.size), (code.at(y, offset), self.size)
        with code.walk(start, k, along=moves) as (_, here, there):
            a, b = (code.load(self.kind, place, self.size) for place in (here, there))
            old = code.load(self.kind, cell, 8)
            code.store(self.kind, self.multiply_add(code, a, b, old, False), cell, 8)
        return code.load(self.kind, cell, 8)

    # ------------------------------------------------------------------------------ blocks

    def block(self) -> str:
        """The body of the loop over the blocks of c."""
        code = Function()
        f = self.context(code)
        size, big = self.size, self.shape.rows
        line = self.width * size
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
        self.tell(code, "a_column", f["a_column"])
        with code.loop(0, f["k"], f["stretch"], some=True) as p:
            k = code.least(code.i64("sub", f["k"], p), f["stretch"])
            self.tell(code, "k", k)
            add = code.i64("or", f["add"], code.number(code.test("sgt", p, 0)))
            adds = code.test("ne", add, 0)
            old_row = code.choose(adds, f["c_row"], 0)
            j_cell = code.cell("i64", j_start)
            with code.repeat() as leave:
                j = code.load("i64", j_cell, 8)
                leave(code.test("sge", j, j_stop))
                left = code.i64("sub", j_stop, j)
                wide: str | int = self.width
                for _, vectors in reversed(self.shape.broad):
                    span = vectors * self.lanes
                    fits = code.both(code.test("sge", left, span), code.test("sge", few, span))
                    wide = code.choose(fits, span, wide)
                columns = code.least(left, wide)
                code.store("i64", code.i64("add", j, columns), j_cell, 8)
                in_place, by_stack = direct, crooked
                if not self.masks:
                    ends = code.i64("and", columns, self.lanes - 1)
                    partial = code.test("ne", ends, 0)
                    in_place = code.choose(partial, "false", direct, "i1")
                    by_stack = code.choose(partial, "true", crooked, "i1")
                b_cell, row_cell = code.cell("ptr"), code.cell("i64", line)
                # Panels that one block alone reads have one place for each thread: its cache.
                number = code.i64("lshr", j, self.width.bit_length() - 1)
                own = self.panel(code, f, "%seat")
                shared = code.at(self.panel(code, f, number), code.i64("mul", p, line))
                code.store("ptr", code.choose(inside, own, shared, "ptr"), b_cell, 8)
                with code.when(in_place):
                    b = code.at(f["b"], code.i64("mul", j, size))
                    code.store("ptr", code.at(b, code.i64("mul", p, f["b_row"])), b_cell, 8)
                    code.store("i64", f["b_row"], row_cell, 8)
                with code.when(code.choose(in_place, "false", inside, "i1")):
                    self.pack_panel(code, f, j, p, k, own)
                self.tell(code, "columns", columns)
                self.tell(code, "b", code.load("ptr", b_cell, 8))
                self.tell(code, "b_row", code.load("i64", row_cell, 8))
                narrow = code.test("sle", columns, self.lanes)
                large = code.choose(narrow, f"@tile_{big}_1", f"@tile_{big}_2", "ptr")
                low = f"@tile_{LOW}_2"
                if not self.masks:
                    low = code.choose(narrow, f"@tile_{LOW}_1", low, "ptr")
                low_half: str | int = LOW // 2
                for r, vectors in self.shape.broad:
                    is_it = code.test("eq", columns, vectors * self.lanes)
                    low = code.choose(is_it, f"@tile_{r}_{vectors}", low, "ptr")
                    low_half = code.choose(is_it, max(r // 2, 1), low_half)
                table = code.at("@rows", code.choose(narrow, 2 * big + 1, 0))
                a = code.at(f["a"], code.i64("mul", i_start, f["a_row"]))
                a = code.at(a, code.i64("mul", p, f["a_column"]))
                c = code.at(f["c"], code.i64("mul", i_start, f["c_row"]))
                c = code.at(c, code.i64("mul", j, f["c_column"]))
                i_cell, a_cell, c_cell = (
                    code.cell("i64", i_start),
                    code.cell("ptr", a),
                    code.cell("ptr", c),
                )
                with code.repeat() as leave:
                    i = code.load("i64", i_cell, 8)
                    leave(code.test("sge", i, i_stop))
                    height = code.least(code.i64("sub", i_stop, i), 2 * big)
                    rows = code.put(f"zext i8 {code.load('i8', code.at(table, height), 1)} to i64")
                    is_low = code.test("sle", rows, LOW)
                    tile = code.choose(is_low, low, large, "ptr")
                    half = code.choose(is_low, low_half, big // 2)
                    second = code.i64("sub", rows, code.least(half, rows))  # where it begins
                    alone = code.test("eq", rows, 1)
                    a, c = code.load("ptr", a_cell, 8), code.load("ptr", c_cell, 8)
                    self.tell(code, "a_row", code.choose(alone, 0, f["a_row"]))
                    self.tell(code, "a0", a)
                    self.tell(code, "a1", code.at(a, code.i64("mul", second, f["a_row"])))
                    code.store("i64", code.i64("add", i, rows), i_cell, 8)
                    code.store("ptr", code.at(a, code.i64("mul", rows, f["a_row"])), a_cell, 8)
                    code.store("ptr", code.at(c, code.i64("mul", rows, f["c_row"])), c_cell, 8)
                    with code.when(by_stack):
                        code.do(
                            f"call void @edge(ptr {tile}, i64 {second}, i64 {rows}, i64 {columns},"
                            f" i64 {add}, ptr {c}, i64 {f['c_row']}, i64 {f['c_column']},"
                            " ptr %frame)"
                        )
                    with code.unless(by_stack):
                        old = code.choose(adds, c, "@zeros", "ptr")
                        for name, start, step in (("c", c, f["c_row"]), ("old", old, old_row)):
                            self.tell(code, f"{name}0", start)
                            start = code.at(start, code.i64("mul", second, step))
                            self.tell(code, f"{name}1", start)
                            self.tell(code, f"{name}_row", code.choose(alone, 0, step))
                        code.do(f"call void {tile}(ptr %frame)")
        return code.define("block", "ptr %context, i64 %index, i64 %seat")

    def one_pass(self, code: Function, f: Fields, dotted: str) -> None:
        """A product that the workspace suffices for: fills in a context, runs the blocks."""
        size, lanes, unit = self.size, self.lanes, self.shape.rows
        work = code.i64("mul", code.i64("mul", f["m"], f["n"]), f["k"])
        alone = code.put("icmp eq ptr %parallel, null")
        alone = code.either(alone, code.test("slt", work, SERIAL))
        count, body = code.cell("i64", 1), code.cell("ptr", "@block")
        with code.when(dotted):
            blocks = code.ceil(work, BLOCK_WORK // 8)
            rows = code.ceil(f["m"], code.least(blocks, f["m"]))
            rows = code.i64("and", code.i64("add", rows, 3), -4)
            f["block_rows"] = rows
            code.store("i64", code.ceil(f["m"], rows), count, 8)
            code.store("ptr", "@dots", body, 8)
            with code.when(code.test("ne", f["b_row"], size)):
                length = code.i64("mul", f["k"], size)
                across = (f["b"], f["b_column"]), ("%workspace", length)
                with code.walk(0, f["n"], along=across) as (_, source, place):
                    cells = (source, f["b_row"]), (place, size)
                    with code.walk(0, f["k"], along=cells) as (_, here, there):
                        code.store(self.kind, code.load(self.kind, here, size), there, size)
                f["b"] = "%workspace"
                f["b_column"] = length
        with code.unless(dotted):
            unit_column = code.test("eq", f["b_column"], size)
            low = code.test("sle", f["m"], 3 * unit)
            spread = code.i64("mul", f["k"], f["b_row"])  # few pages: b is as good where it lies
            low = code.either(low, code.test("ult", spread, NEAR))
            single = code.test("sle", f["m"], BLOCK_ROWS)
            direct = code.both(single, unit_column, low)
            f["direct"] = code.number(direct)
            f["inside"] = code.number(single)
            straight = code.both(direct, code.test("eq", f["c_column"], size))
            few: str | int = 2
            for height, vectors in reversed(self.shape.broad):
                few = code.choose(code.test("sle", f["m"], height), vectors, few)
            few = code.choose(straight, few, 2)
            f["few"] = few
            # Most products are one block.
            for name, value in (
                ("block_rows", f["m"]), ("grid_rows", 1), ("stretch", f["k"]),
                ("block_columns", f["n"]),
            ):  # fmt: skip
                f[name] = value
            short = code.test("sle", f["k"], LONGEST)
            small = code.test("slt", work, BLOCK_BYTES // 8)
            with code.unless(code.both(single, short, small)):
                grid = code.ceil(f["m"], BLOCK_ROWS)
                rows = code.i64("mul", code.ceil(code.ceil(f["m"], grid), unit), unit)
                f["block_rows"] = rows
                grid = code.ceil(f["m"], rows)
                f["grid_rows"] = grid
                stretch = code.ceil(f["k"], code.ceil(f["k"], LONGEST))
                f["stretch"] = stretch
                lines = code.i64("mul", code.least(rows, f["m"]), f["k"])
                share = code.i64("lshr", work, BLOCKS.bit_length() - 1)
                share = code.choose(code.test("sgt", share, BLOCK_WORK), share, BLOCK_WORK)
                step = code.i64("mul", few, lanes)
                most = code.i64("udiv", BLOCK_BYTES // size, rows)
                columns = code.least(code.i64("udiv", share, lines), most)
                panels = code.ceil(columns, step)
                parts = code.ceil(f["n"], code.i64("mul", panels, step))
                columns = code.ceil(code.ceil(f["n"], parts), step)  # blocks of about one width
                columns = code.i64("mul", columns, step)
                f["block_columns"] = columns
                total = code.i64("mul", grid, code.ceil(f["n"], columns))
                code.store("i64", total, count, 8)
                with code.unless(single):
                    self.share(code, alone, "@pack_body", code.ceil(f["n"], self.width))
        self.share(code, alone, code.load("ptr", body, 8), code.load("i64", count, 8))

    def share(self, code: Function, alone: str, body: str, count: str) -> None:
        """Run a body for each index: here, or by `parallel`."""
        here = code.either(alone, code.test("sle", count, 1))
        with code.when(here), code.loop(0, count) as i:
            code.do(f"call void {body}(ptr %context, i64 {i}, i64 0)")
        with code.unless(here):
            code.do(f"call void %parallel(ptr %pool, ptr {body}, ptr %context, i64 {count})")

    def product(self) -> str:
        """Strides in bytes; which operand is the first; passes."""
        code = Function()
        size = self.size
        code.cells.append(f"  %context = alloca [{len(FIELDS)} x i64], align 64")
        code.cells.append("  %given = alloca [5 x i64], align 64")
        f = {name: f"%{name}" for name in "m n k a b c".split()}
        for name in "a_row a_column b_row b_column c_row c_column".split():
            f[name] = code.i64("mul", f"%{name}", size)
        # A stride that nothing is reached by is what suits best.
        for length, names in (("n", "b_column c_column"), ("m", "a_row c_row")):
            one = code.test("eq", f"%{length}", 1)
            for name in names.split():
                f[name] = code.choose(one, size, f[name])
        long = code.test("sge", "%k", 2 * self.lanes)
        is_unit = {name: code.test("eq", x, size) for name, x in f.items() if "_" in name}
        few_columns, few_rows = code.test("sle", "%n", FEW), code.test("sle", "%m", FEW)
        other = code.both(few_rows, is_unit["b_row"], code.negate(is_unit["b_column"]), long)
        dots = code.both(few_columns, is_unit["a_column"], long, code.negate(other))
        turned = code.both(code.negate(is_unit["c_column"]), is_unit["c_row"])
        thin = code.both(few_columns, is_unit["a_row"], code.test("sgt", "%m", self.lanes))
        turned = code.both(code.either(turned, thin), code.negate(dots))
        turned = code.either(turned, other)
        dotted = code.either(dots, other)
        for x, y in (
            ("m", "n"), ("a", "b"), ("a_row", "b_column"), ("a_column", "b_row"),
            ("c_row", "c_column"),
        ):  # fmt: skip
            kind = "ptr" if x == "a" else "i64"
            old, new = f[x], f[y]
            f[x] = code.choose(turned, new, old, kind)
            f[y] = code.choose(turned, old, new, kind)
        added = code.number(code.test("ne", "%accumulate", 0))
        # Without terms the sums are 0.
        empty = code.both(code.test("sle", f["k"], 0), code.test("eq", added, 0))
        rows = code.choose(empty, f["m"], 0)
        with (
            code.walk(0, rows, along=[(f["c"], f["c_row"])]) as (_, row),
            code.walk(0, f["n"], along=[(row, f["c_column"])]) as (_, place),
        ):
            code.store(self.kind, "0.0", place, size)
        # Dot products have no passes over k: columns alone are packed.
        now = self.context(code)
        whole = Fields(code, "%given", {name: now.kinds[name] for name in "nkabc"})
        for name, value in f.items():
            (whole if name in whole.kinds else now)[name] = value
        now["packed"] = "%workspace"
        steps: dict[str, str | int] = {"n": COLUMNS, "k": code.choose(dotted, f["k"], DEPTH)}
        pointers = {"a": ("m", "k"), "b": ("k", "n"), "c": ("m", "n")}
        with (
            code.loop(0, f["n"], steps["n"]) as j,
            code.loop(0, whole["k"], steps["k"]) as p,
        ):
            start = {"n": j, "k": p}
            for x, begin in start.items():
                now[x] = code.least(code.i64("sub", whole[x], begin), steps[x])
            for name, lengths in pointers.items():
                place = whole[name]
                for x, stride in zip(lengths, ("row", "column"), strict=True):
                    if x in start:
                        offset = code.i64("mul", start[x], now[f"{name}_{stride}"])
                        place = code.at(place, offset)
                now[name] = place
            now["add"] = code.i64("or", added, code.number(code.test("sgt", p, 0)))
            self.one_pass(code, now, dotted)
        return code.define("product", PRODUCT, "")

    def group(self) -> str:
        """The body of the loop over groups of a stack's products, which it forms one by one."""
        code = Function()
        kinds = {name[1:]: kind for kind, name in (part.split() for part in STACK.split(", "))}
        f = Fields(code, "%context", {**kinds, "each": "i64", "bytes": "i64"})
        start = code.i64("mul", "%index", f["each"])
        stop = code.least(code.i64("add", start, f["each"]), f["count"])
        workspace = code.at(f["workspace"], code.i64("mul", "%seat", f["bytes"]))
        moves = []
        for name in "abc":
            step = code.i64("mul", f[f"{name}_batch"], self.size)
            moves.append((code.at(f[name], code.i64("mul", start, step)), step))
        with code.walk(start, stop, along=moves) as (_, *operands):
            now = {**dict(zip("abc", operands, strict=True)), "workspace": workspace}
            names = [part.split() for part in PRODUCT.split(", ")]
            given = [f"{kind} {now.get(name[1:]) or f[name[1:]]}" for kind, name in names]
            code.do(f"call void @product({', '.join(given)})")
        return code.define("group", "ptr %context, i64 %index, i64 %seat")

    def products(self) -> str:
        """A stack: small products in groups, large ones one by one, each shared."""
        code = Function()
        parts = [part.split() for part in STACK.split(", ")]
        code.cells.append(f"  %context = alloca [{len(parts) + 2} x i64], align 64")
        work = code.i64("mul", code.i64("mul", "%m", "%n"), "%k")
        grouped = code.both(code.test("slt", work, WHOLE), code.test("sle", "%k", DEPTH))
        positive = code.choose(code.test("sgt", work, 1), work, 1)
        each, least = code.ceil(f"{SERIAL}", positive), code.ceil("%count", GROUPS)
        each = code.choose(code.test("sgt", each, least), each, least)
        each = code.choose(grouped, each, "%count")
        longer = code.choose(code.test("sgt", "%m", "%n"), "%m", "%n")
        across = code.i64("and", code.i64("add", longer, self.width - 1), -self.width)
        across = code.i64("mul", code.i64("add", across, FEW), "%k")
        room = code.i64("add", code.i64("mul", across, self.size), 64)
        parts += [["i64", each], ["i64", code.i64("and", room, -64)]]
        for place, (kind, value) in enumerate(parts):
            if value == "%parallel":  # a group's products are not shared once more
                value = code.choose(grouped, "null", value, "ptr")
            code.store(kind, value, code.at("%context", 8 * place), 8)
        alone = code.put("icmp eq ptr %parallel, null")
        some = code.choose(code.test("sgt", "%count", 0), "%count", 0)
        each = code.choose(code.test("sgt", each, 1), each, 1)
        self.share(code, alone, "@group", code.ceil(some, each))
        return code.define("products", STACK, "")
