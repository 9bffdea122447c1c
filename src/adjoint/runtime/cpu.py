"""Machine code in memory, and the addresses of native routines that it calls.

Enters: the bytes of an object file, and the addresses of what it refers to.  Leaves: a `Library`
with the addresses of its functions; the memory is given back when the library is dropped.

On 64-bit Linux (x86-64, ARM) objects are laid out here: sections go into one image with cells for
outside addresses behind them, the handful of relocation kinds that position-independent code
needs are applied, and the pages turn from writeable to executable (never both).  That costs tens
of microseconds and a page, against some 400 and 50 KB for an LLVM engine per object, and spares a
process that finds its code in the disk cache from loading LLVM.  An object with data that can be
written to, and any object on another system, goes to such an engine (`load_with_engine`); what
neither can load is refused.

Sources: the System V ABI with its x86-64 supplement, and "ELF for the Arm 64-bit Architecture".

`blas`, `lapack`, `special` and `libm` give addresses of routines; SciPy is imported by the first
call that needs it.  SciPy publishes C addresses of its compiled functions in `__pyx_capi__`.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from struct import Struct, pack_into, unpack_from
from struct import error as StructError
from typing import Any, NamedTuple

from ..base.errors import AdjointError
from ..codegen.targets import llvm


class LoadError(AdjointError, RuntimeError):
    """Machine code cannot be put into memory: damaged, a name unknown, or the system forbids it."""


class Unsupported(Exception):
    """An object holds something that LLVM's engine loads and this file does not."""


class Library:
    """Machine code in memory.

    Its addresses are valid as long as the library lives: whoever keeps an address keeps the
    library.  (Not so at interpreter exit, where code stays mapped: threads may still run it.)
    """

    __slots__ = ("__weakref__", "_addresses", "_memory")

    def __init__(self, addresses: Mapping[str, int] | Callable[[str], int], memory: object) -> None:
        self._addresses = addresses
        self._memory = memory

    def address(self, name: str) -> int:
        """The address of a function or constant that the object defines for others to see.

        Raises `LoadError` where it does not define the name.
        """
        if callable(self._addresses):
            found = self._addresses(name)
        else:
            found = self._addresses.get(name, 0)
        if not found:
            raise LoadError(f"the object file defines no {name!r} for others to see")
        return found

    def function(self, name: str, restype: Any, *argtypes: Any) -> Any:
        """A function as a `ctypes` function, which holds the library (and drops the GIL)."""
        function: Any = ctypes.CFUNCTYPE(restype, *argtypes)(self.address(name))
        function.library = self
        return function


def load(object_bytes: bytes, symbols: Mapping[str, int] | None = None) -> Library:
    """Puts an object file of this machine into memory.

    `symbols` gives the addresses of the names that it refers to and does not define.  What LLVM
    itself may call (`memcpy`, `memmove`, `memset`, `fmod`, `fmodf`) need not be given.  Raises
    `LoadError` if the bytes are no object file, if a name is neither given nor defined, or if the
    system forbids new executable memory.
    """
    symbols = symbols or {}
    if not object_bytes.startswith(b"\x7fELF"):
        return load_with_engine(object_bytes, symbols)
    parsed = parse(object_bytes)
    own = MACHINES.get(platform.machine(), parsed.machine)
    if parsed.machine != own:
        raise LoadError(f"the object file is for machine {parsed.machine}, this one is {own}")
    outside = resolve(parsed, symbols)
    if not is_loader_known():  # another kind of processor
        return load_with_engine(object_bytes, outside)
    try:
        image = plan_image(parsed)
        memory = Memory(image.size)
        memory.write(fill(image, memory.start, outside))
    except Unsupported:
        return load_with_engine(object_bytes, outside)
    except (IndexError, KeyError, StructError) as error:
        raise LoadError(f"the object file is damaged: {error!r}") from None
    defined = {
        symbol.name: memory.start + image.offsets[symbol.section] + symbol.value
        for symbol in parsed.symbols
        if symbol.name and symbol.section in image.offsets
    }
    return Library(defined, memory)


# ---- reading an object file ----

SECTION = Struct("<IIQQQQIIQQ")  # name type flags address offset size link info alignment entsize
SYMBOL = Struct("<IBBHQQ")  # name info other section value size
RELOCATION = Struct("<QQq")  # offset, symbol << 32 | kind, addend
WORD, LONG = Struct("<I"), Struct("<Q")

X86_64, AARCH64 = 62, 183
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}
PROGRAM_BITS, SYMBOL_TABLE, RELOCATIONS, NO_BITS, UNWIND = 1, 2, 4, 8, 0x70000001
WRITE, ALLOCATE, THREAD_LOCAL = 1, 2, 0x400
UNDEFINED, ABSOLUTE, COMMON = 0, 0xFFF1, 0xFFF2
TLS_SYMBOL, INDIRECT_SYMBOL = 6, 10


class Section(NamedTuple):
    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    target: int  # of relocations: the section that they apply to
    alignment: int


class Symbol(NamedTuple):
    name: str  # empty where it is local
    kind: int
    section: int
    value: int


class Parsed(NamedTuple):
    """An object file, read."""

    machine: int
    data: bytes
    sections: list[Section]
    symbols: list[Symbol]


def parse(data: bytes) -> Parsed:
    """Reads the tables of a 64-bit little-endian relocatable ELF file."""
    try:
        kind, machine = unpack_from("<HH", data, 16)
        table, (count, names) = unpack_from("<Q", data, 40)[0], unpack_from("<HH", data, 60)
        if data[4:6] != b"\x02\x01" or kind != 1 or count == 0:
            raise LoadError("not a relocatable 64-bit little-endian object file")
        rows = list(SECTION.iter_unpack(data[table : table + 64 * count]))
        if len(rows) != count:
            raise LoadError("the object file is cut short")
        for row in rows:
            if row[1] != NO_BITS and row[4] + row[5] > len(data):
                raise LoadError("the object file is cut short")
        base = rows[names][4]
        sections = [Section(text(data, base + r[0]), *r[1:3], *r[4:9]) for r in rows]
        symbols: list[Symbol] = []
        for section in sections:
            if section.kind == SYMBOL_TABLE:
                base = sections[section.link].offset
                part = data[section.offset : section.offset + section.size]
                for name, info, _, where, value, _ in SYMBOL.iter_unpack(part):
                    seen = text(data, base + name) if info >= 16 else ""
                    symbols.append(Symbol(seen, info & 15, where, value))
        return Parsed(machine, data, sections, symbols)
    except (ValueError, IndexError, UnicodeDecodeError, StructError) as error:
        raise LoadError(f"the object file is damaged: {error}") from None


def text(data: bytes, start: int) -> str:
    """A name in a string table."""
    return data[start : data.index(b"\0", start)].decode()


def resolve(parsed: Parsed, given: Mapping[str, int]) -> dict[str, int]:
    """The addresses of all names that an object file refers to and does not define."""
    outside = {}
    for symbol in parsed.symbols[1:]:
        if symbol.section == UNDEFINED:
            address = given.get(symbol.name) or usual(symbol.name)
            if not address:
                raise LoadError(f"the object file refers to {symbol.name!r}, which was not given")
            outside[symbol.name] = address
    return outside


@lru_cache(maxsize=16)
def usual(name: str) -> int:
    """The address of what LLVM calls without being asked to, 0 for all else."""
    if name in ("memcpy", "memmove", "memset"):
        return ctypes.cast(getattr(c_library(), name), ctypes.c_void_p).value or 0
    return libm(name) if name in ("fmod", "fmodf") else 0


# ---- from sections to an image ----

SLOT = 16  # bytes: a jump to an outside address, and that address in the second half
JUMPS = {X86_64: b"\xff\x25\x02\0\0\0\x66\x90", AARCH64: b"\x50\0\0\x58\0\x02\x1f\xd6"}


class Image(NamedTuple):
    """Where everything goes, from the image's start."""

    parsed: Parsed
    offsets: dict[int, int]  # of each section
    slots: dict[int, int]  # of each symbol that is called from afar or reached through a cell
    relocations: list[tuple[int, int, int, int, int]]  # section, offset, kind, symbol, addend
    size: int


def plan_image(parsed: Parsed) -> Image:
    """Lays the sections out one behind the other; refuses what it does not know.

    LLVM's engine ends the process over what it does not know in its turn, or misplaces it without
    a word.  So only what it is known to load is `Unsupported`, all else is a `LoadError`.
    """
    machine, data, sections, symbols = parsed
    for_engine = ""  # why this object goes to the engine, unless something worse turns up
    offsets: dict[int, int] = {}
    end = 0
    for i, section in enumerate(sections):
        name, kind, flags, *_ = section
        if not flags & ALLOCATE or not section.size:
            continue
        if kind == UNWIND or name.startswith(".eh_frame"):
            continue  # how to unwind: no exception ever passes through this code
        starts = name.startswith((".init", ".fini", ".ctors", ".dtors", ".preinit"))
        if flags & THREAD_LOCAL or starts or kind not in (PROGRAM_BITS, NO_BITS):
            raise LoadError(f"the object file has a section {name} of kind {kind}, flags {flags}")
        if kind == NO_BITS or (flags & WRITE and not name.startswith(".data.rel.ro")):
            for_engine = f"section {name} can be written to"
        if section.alignment > mmap.PAGESIZE:
            for_engine = f"section {name} is aligned to {section.alignment} bytes"
        end = -(-end // max(section.alignment, 1)) * max(section.alignment, 1)
        offsets[i] = end
        end += section.size
    end = -(-end // SLOT) * SLOT
    relocations: list[tuple[int, int, int, int, int]] = []
    slots: dict[int, int] = {}
    kinds = KINDS[machine]
    for section in sections:
        if section.kind == RELOCATIONS and section.target in offsets:
            part = data[section.offset : section.offset + section.size]
            for offset, info, addend in RELOCATION.iter_unpack(part):
                kind, symbol = info & 0xFFFFFFFF, info >> 32
                referred = symbols[symbol]
                where, own = referred.section, referred.section in offsets
                if where == COMMON:
                    for_engine = f"{referred.name} can be written to"
                elif not own and where not in (UNDEFINED, ABSOLUTE):
                    raise LoadError(f"the object file needs its section {where} in memory")
                if referred.kind in (TLS_SYMBOL, INDIRECT_SYMBOL):
                    raise LoadError(f"{referred.name} is a symbol of kind {referred.kind}")
                if kind in kinds:
                    way = kinds[kind][0]
                elif machine == AARCH64 and kind in FOR_ENGINE:
                    way, for_engine = DIRECT, f"relocation {kind}"
                else:
                    raise LoadError(f"the object file has a relocation of unknown kind {kind}")
                if (way == CELL or (way == CALL and not own)) and symbol not in slots:
                    slots[symbol] = end
                    end += SLOT
                relocations.append((section.target, offset, kind, symbol, addend))
        elif section.kind == 9 and section.target in offsets:
            raise LoadError("the object file has relocations without addends")
    if for_engine:
        raise Unsupported(for_engine)
    return Image(parsed, offsets, slots, relocations, end)


def fill(image: Image, start: int, outside: Mapping[str, int]) -> bytearray:
    """The image's bytes for a start address: sections, jumps and cells, relocations applied.

    Raises `LoadError` where a distance does not fit, which says that the object was compiled for
    another code model or is damaged.
    """
    machine, data, sections, symbols = image.parsed
    content = bytearray(image.size)
    for i, offset in image.offsets.items():
        section = sections[i]
        content[offset : offset + section.size] = data[
            section.offset : section.offset + section.size
        ]

    def address(index: int) -> int:
        symbol = symbols[index]
        if symbol.section in image.offsets:
            return start + image.offsets[symbol.section] + symbol.value
        return symbol.value if symbol.section == ABSOLUTE else outside[symbol.name]

    for index, slot in image.slots.items():
        content[slot : slot + 8] = JUMPS[machine]
        pack_into("<Q", content, slot + 8, address(index) % 2**64)
    kinds = KINDS[machine]
    for target, offset, kind, index, addend in image.relocations:
        way, width, apply = kinds[kind]
        if way == CELL:
            value = start + image.slots[index] + 8
        elif way == CALL and index in image.slots:
            value = start + image.slots[index]
        else:
            value = address(index) if index else 0
        place = image.offsets[target] + offset
        if offset + width > sections[target].size:
            raise LoadError("the object file is damaged: a relocation outside its section")
        apply(content, place, value + addend, start + place)
    return content


# ---- relocation kinds: (how the symbol is reached, bytes changed, what is done) ----

DIRECT, CALL, CELL = "direct", "call", "cell"
Apply = Callable[[bytearray, int, int, int], None]  # content, place, value, address of the place


def put_absolute(content: bytearray, place: int, value: int, here: int) -> None:
    LONG.pack_into(content, place, value % 2**64)


def put_absolute32(content: bytearray, place: int, value: int, here: int) -> None:
    if value >> 32:
        raise LoadError("the object file needs addresses of 32 bits")
    WORD.pack_into(content, place, value)


def put_signed32(content: bytearray, place: int, value: int, here: int) -> None:
    WORD.pack_into(content, place, signed(value, 32))


def put_distance64(content: bytearray, place: int, value: int, here: int) -> None:
    LONG.pack_into(content, place, (value - here) % 2**64)


def put_distance32(content: bytearray, place: int, value: int, here: int) -> None:
    WORD.pack_into(content, place, signed(value - here, 32))


def put_branch(content: bytearray, place: int, value: int, here: int) -> None:
    """The 26-bit distance in words of a branch."""
    insert(content, place, signed((value - here) >> 2, 26), 0, 26)


def put_page(content: bytearray, place: int, value: int, here: int) -> None:
    """The 21-bit distance in 4 KiB pages of ADRP: two low bits at 29, the others at 5."""
    pages = signed((value >> 12) - (here >> 12), 21)
    insert(content, place, pages & 3, 29, 2)
    insert(content, place, pages >> 2, 5, 19)


def put_page_offset(shift: int) -> Apply:
    """The 12-bit offset inside a page of ADD, or of a load or store of 2**shift bytes."""

    def put(content: bytearray, place: int, value: int, here: int) -> None:
        offset = value & 0xFFF
        if offset % (1 << shift):
            raise LoadError("the object file is damaged: a misaligned constant")
        insert(content, place, offset >> shift, 10, 12)

    return put


def signed(value: int, bits: int) -> int:
    """A signed number as the unsigned content of so many bits."""
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise LoadError(f"the object file needs a distance of more than {bits} bits")
    return value & (1 << bits) - 1


def insert(content: bytearray, place: int, value: int, shift: int, bits: int) -> None:
    """Sets some bits of an instruction word."""
    word = WORD.unpack_from(content, place)[0]
    mask = (1 << bits) - 1 << shift
    WORD.pack_into(content, place, word & ~mask | value << shift)


FOR_ENGINE = {264, 266, 268, 269}  # MOVW_UABS_G0_NC to G3: absolute addresses, in four parts
KINDS: dict[int, dict[int, tuple[str, int, Apply]]] = {
    X86_64: {
        1: (DIRECT, 8, put_absolute),  # R_X86_64_64
        2: (DIRECT, 4, put_distance32),  # PC32
        4: (CALL, 4, put_distance32),  # PLT32
        9: (CELL, 4, put_distance32),  # GOTPCREL
        10: (DIRECT, 4, put_absolute32),  # 32
        11: (DIRECT, 4, put_signed32),  # 32S
        24: (DIRECT, 8, put_distance64),  # PC64
        41: (CELL, 4, put_distance32),  # GOTPCRELX
        42: (CELL, 4, put_distance32),  # REX_GOTPCRELX
    },
    AARCH64: {
        257: (DIRECT, 8, put_absolute),  # R_AARCH64_ABS64
        260: (DIRECT, 8, put_distance64),  # PREL64
        261: (DIRECT, 4, put_distance32),  # PREL32
        275: (DIRECT, 4, put_page),  # ADR_PREL_PG_HI21
        277: (DIRECT, 4, put_page_offset(0)),  # ADD_ABS_LO12_NC
        278: (DIRECT, 4, put_page_offset(0)),  # LDST8_ABS_LO12_NC
        282: (CALL, 4, put_branch),  # JUMP26
        283: (CALL, 4, put_branch),  # CALL26
        284: (DIRECT, 4, put_page_offset(1)),  # LDST16_ABS_LO12_NC
        285: (DIRECT, 4, put_page_offset(2)),  # LDST32_ABS_LO12_NC
        286: (DIRECT, 4, put_page_offset(3)),  # LDST64_ABS_LO12_NC
        299: (DIRECT, 4, put_page_offset(4)),  # LDST128_ABS_LO12_NC
        311: (CELL, 4, put_page),  # ADR_GOT_PAGE
        312: (CELL, 4, put_page_offset(3)),  # LD64_GOT_LO12_NC
    },
}


# ---- memory ----


class Memory:
    """Pages that are filled once and then hold code; given back when the object is dropped."""

    __slots__ = ("size", "start")

    def __init__(self, size: int) -> None:
        self.start = 0
        self.size = max(-(-size // mmap.PAGESIZE), 1) * mmap.PAGESIZE
        kind = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        start = system().mmap(None, self.size, mmap.PROT_READ | mmap.PROT_WRITE, kind, -1, 0)
        if start in (None, 2**64 - 1):
            raise LoadError("no memory for machine code: " + os_message())
        self.start = start

    def write(self, content: bytearray) -> None:
        """Fills the pages and makes them executable."""
        ctypes.memmove(self.start, bytes(content), len(content))
        if system().mprotect(self.start, self.size, mmap.PROT_READ | mmap.PROT_EXEC):
            raise LoadError("the system forbids executable memory: " + os_message())
        if (clear := clear_instructions()) is not None:
            clear(self.start, self.start + self.size)

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if self.start and not finalizing():
            system().munmap(self.start, self.size)


def os_message() -> str:
    """What the last call that manages memory complained of."""
    return os.strerror(ctypes.get_errno())


@lru_cache(maxsize=1)
def c_library() -> Any:
    """The C library, as `ctypes` sees it."""
    return ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)


@lru_cache(maxsize=1)
def system() -> Any:
    """The calls that manage memory."""
    library = ctypes.CDLL(None, use_errno=True)
    pointer, size, integer = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    library.mmap.restype = pointer
    library.mmap.argtypes = [pointer, size, integer, integer, integer, ctypes.c_long]
    library.mprotect.argtypes = [pointer, size, integer]
    library.munmap.argtypes = [pointer, size]
    return library


@lru_cache(maxsize=1)
def is_loader_known() -> bool:
    """Whether this system's objects are laid out here."""
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32 or sys.byteorder != "little":
        return False
    return platform.machine() == "x86_64" or clear_instructions() is not None


@lru_cache(maxsize=1)
def clear_instructions() -> Any:
    """On ARM, what makes written code visible to the instruction fetch; None elsewhere."""
    if platform.machine() != "aarch64":
        return None
    try:
        clear = ctypes.CDLL("libgcc_s.so.1").__clear_cache
    except (OSError, AttributeError):
        return None
    clear.argtypes, clear.restype = [ctypes.c_void_p, ctypes.c_void_p], None
    return clear


# ---- the other way: an LLVM engine for each object ----


def load_with_engine(object_bytes: bytes, symbols: Mapping[str, int]) -> Library:
    """Loads an object file by an LLVM engine of its own.

    LLVM ends the process where a name cannot be found: names of ELF files are looked up before;
    other formats are trusted to refer to what is given and to the C library only.
    """
    binding = llvm()
    try:
        binding.check_jit_execution()
    except OSError as error:
        raise LoadError(f"the system forbids executable memory: {error}") from None
    declarations = "".join(f'declare void @"{name}"()\n' for name in symbols)
    module = binding.parse_assembly(declarations)
    machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine()
    engine = binding.create_mcjit_compiler(module, machine)
    for name, address in symbols.items():
        engine.add_global_mapping(module.get_function(name), address)
    engine.add_object_file(binding.ObjectFileRef.from_data(object_bytes))
    engine.finalize_object()
    return Library(engine.get_function_address, engine)


# ---- routines of others ----


@cache
def blas(name: str) -> int:
    """The address of a BLAS routine: `blas("dgemm")`.

    The Fortran convention: every argument by its address, integers of 32 bits.  (Routines that
    return a complex number, such as `zdotc`, return it by value.)  Raises `LookupError`.
    """
    from scipy.linalg import cython_blas

    return routine(cython_blas, "BLAS", name)


@cache
def lapack(name: str) -> int:
    """The address of a LAPACK routine: `lapack("dgesv")`; otherwise as `blas`."""
    from scipy.linalg import cython_lapack

    return routine(cython_lapack, "LAPACK", name)


@cache
def special(name: str, signature: str = "double(double)") -> int:
    """The address of one of SciPy's scalar special functions, by name and C signature.

    Types are `float`, `double`, `complex`, `long`, `Py_ssize_t` and pointers to them, such as
    `special("jv", "double(double, double)")`.  A function that returns a number takes one more
    argument behind the others, an `int` (Cython's "skip dispatch"): pass 0.  `complex` is a
    structure of two doubles, by value.  Raises `LookupError`, naming the signatures that exist.
    """
    found = special_signatures(name)
    wanted = signature.replace(" ", "")
    if wanted not in found:
        there = ", ".join(found) or "nothing of this name"
        raise LookupError(f"scipy.special.cython_special has no {name} {wanted}; it has: {there}")
    return found[wanted]


def special_signatures(name: str) -> dict[str, int]:
    """Every C signature that SciPy has of a special function, with its address."""
    from scipy.special import cython_special

    found = {}
    for key, capsule in cython_special.__pyx_capi__.items():
        if re.fullmatch(rf"(__pyx_fuse_[0-9_]*[0-9])?{re.escape(name)}", key):
            signature, address = open_capsule(capsule)
            if "optional_args" not in signature:
                signature = re.sub(r",? *int __pyx_skip_dispatch", "", signature)
                signature = signature.replace("__pyx_t_double_complex", "complex")
                found[signature.replace(" ", "")] = address
    return found


@cache
def libm(name: str) -> int:
    """The address of a function of the C mathematics library: `libm("fmod")`.

    Raises `LookupError`.
    """
    try:
        function = getattr(mathematics_library(), name)
    except AttributeError:
        raise LookupError(f"the C mathematics library has no {name}") from None
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@lru_cache(maxsize=1)
def mathematics_library() -> Any:
    """libm, or the C library where that includes it."""
    if sys.platform.startswith("linux"):
        try:
            return ctypes.CDLL("libm.so.6")
        except OSError:  # musl has one library for both
            pass
    return c_library()


def routine(module: Any, library: str, name: str) -> int:
    """A routine's address from one of SciPy's modules."""
    if name not in module.__pyx_capi__:
        raise LookupError(f"SciPy publishes no {library} routine named {name!r}")
    signature, address = open_capsule(module.__pyx_capi__[name])
    if re.search(r"int64|blas_int|\blong\b", signature):
        raise LookupError(f"{name} takes integers of 64 bits: {signature}")
    return address


def open_capsule(capsule: object) -> tuple[str, int]:
    """The C signature and the address that a capsule holds."""
    # Prototypes of our own: those of `ctypes.pythonapi` belong to the whole process.
    handle = ("PyCapsule_GetName", ctypes.pythonapi)
    name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(handle)(capsule)
    handle = ("PyCapsule_GetPointer", ctypes.pythonapi)
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(handle)
    return name.decode(), pointer(capsule, name) or 0
