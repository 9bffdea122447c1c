"""Matrix products: ours in machine code, against NumPy's BLAS, JAX and PyTorch.

    python benchmarks/products.py
    python benchmarks/products.py --threads 1 --only float32

A line for each product: its shape (m x n x k; `T`: an operand is given as the transposed of a
C-contiguous one), the rate of ours, and the ratio of its time to each peer's. The first eight are
those of the mlp's gradient. NumPy and PyTorch write to an array that is there, as ours does; JAX's
jitted function allocates its result. Each side in a process of its own, by turns.
"""

import ctypes
import statistics

import interleave
from interleave import OURS, Worker, race

PEERS = ("numpy", "jax", "torch")
MLP = (
    "128x512x784 128x256x512 128x10x256 784x512x128:TN 128x512x256:NT 512x256x128:TN 128x256x10:NT"
    " 256x10x128:TN"
).split()
SQUARES = [f"{n}x{n}x{n}" for n in (16, 32, 64, 100, 128, 256, 500, 1000, 1024, 2048)]
SKINNY = "1x512x784 512x1x784 512x1x784:TN 4x1000x1000 1000x4x1000 1000x1000x4 16x2000x500".split()


def operands(case: str) -> tuple:
    """a, b and room for c."""
    import numpy as np

    dtype, _, rest = case.partition(" ")
    sizes, _, form = rest.partition(":")
    m, n, k = map(int, sizes.split("x"))
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in ((m, k), (k, n)))
    a = np.asfortranarray(a) if form[:1] == "T" else a
    b = np.asfortranarray(b) if form[1:] == "T" else b
    return a, b, np.empty((m, n), dtype)


def own_call(a, b, c):
    """A call without arguments, and the arrays that must live as long."""
    import numpy as np

    from adjoint.runtime import products
    from adjoint.runtime.threads import pool

    (m, k), n, dtype = a.shape, b.shape[1], a.dtype.name
    size = products.workspace_bytes(m, n, k, dtype)
    memory = np.empty(size + 64, np.uint8)
    number, pointer = ctypes.c_int64, ctypes.c_void_p
    team = pool()
    team.ensure_started()
    kinds, values = [number] * 3, [m, n, k]
    for x in (a, b, c):
        kinds += [pointer, number, number]
        values += [x.ctypes.data, *(s // x.itemsize for s in x.strides)]
    kinds += [number, pointer, pointer, pointer]
    values += [0, -(-memory.ctypes.data // 64) * 64, team.function, team.address]
    function = ctypes.CFUNCTYPE(None, *kinds)(products.address(dtype))
    given = [kind(value) for kind, value in zip(kinds, values, strict=True)]
    return (lambda: function(*given)), (a, b, c, memory)


def loop_of(framework: str, case: str):
    """A loop of some repeats."""
    a, b, c = operands(case)
    if framework == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
        multiply = jax.jit(jax.numpy.matmul)
        transposed = [x.flags.f_contiguous and not x.flags.c_contiguous for x in (a, b)]
        if any(transposed):
            multiply = jax.jit(
                lambda x, y: jax.numpy.matmul(*(
                    z.T if t else z for z, t in zip((x, y), transposed, strict=True)
                ))
            )  # fmt: skip
        x, y = (jax.device_put(z.T if t else z) for z, t in zip((a, b), transposed, strict=True))
        call, kept = (lambda: multiply(x, y).block_until_ready()), ()
    elif framework == "torch":
        import torch

        x, y, z = (torch.from_numpy(value) for value in (a, b, c))
        call, kept = (lambda: torch.matmul(x, y, out=z)), ()
    elif framework == "numpy":
        import numpy as np

        call, kept = (lambda: np.matmul(a, b, out=c)), ()
    else:
        call, kept = own_call(a, b, c)

    def loop(repeats: int, kept=kept) -> None:
        for _ in range(repeats):
            call()

    return loop


def compare(options, threads: str, case: str) -> str:
    """A line of the table."""
    peers = [peer for peer in PEERS if peer in options.peers.split(",")]
    ratios, times = {peer: [] for peer in peers}, []
    for _ in range(options.runs):
        workers = [
            Worker(
                options,
                __file__,
                kind,
                case,
                environment=interleave.limited(threads),
                prepare=interleave.confined(threads),
            )
            for kind in (OURS, *peers)
        ]
        race(workers, options.rounds)
        for worker in workers:
            worker.close()
        times.append(statistics.median(workers[0].times))
        for worker in workers[1:]:
            ratios[worker.framework].append(interleave.median_ratio(workers[0], worker))
    m, n, k = map(int, case.split()[1].partition(":")[0].split("x"))
    rate = 2e-9 * m * n * k / statistics.median(times)
    line = f"{case:26}{threads:>9}{interleave.seconds(statistics.median(times))}{rate:8.1f}"
    return line + "".join(f"{interleave.times(statistics.median(ratios[p])):>9}" for p in peers)


def main() -> None:
    """Parse the options, race, print."""
    parser = interleave.judged_arguments(__doc__.splitlines()[0], runs=1)
    parser.add_argument("--peers", default=",".join(PEERS), help="of " + ", ".join(PEERS))
    options = parser.parse_args()
    if options.worker:
        interleave.BUDGET = 0.03
        loop = loop_of(*options.worker)
        interleave.serve_loop(loop, lambda path: None)
        return
    peers = [peer for peer in PEERS if peer in options.peers.split(",")]
    head = f"{'product':26}{'threads':>9}{'ours':>11}{'GFLOPS':>8}"
    print(head + "".join(f"{p:>9}" for p in peers), flush=True)
    for threads in (options.threads or "default,1").split(","):
        for dtype in ("float32", "float64"):
            for shape in MLP + SQUARES + SKINNY:
                case = f"{dtype} {shape}"
                if options.only in case:
                    print(compare(options, threads, case), flush=True)


if __name__ == "__main__":
    main()
