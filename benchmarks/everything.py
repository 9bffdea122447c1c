"""All tables about native code, one after the other.

    python benchmarks/everything.py --python-peer /path/to/python-with-jax-torch-numba

Options go to every script: `--python-ours`, `--python-peer`, `--rounds`, `--runs`, `--strict`, ...
`--quick` stands for one run of three rounds, which tells whether all programs run and their results
agree, but no ratio worth quoting. The exit status is 1 where that of a script is.
"""

import subprocess
import sys
from pathlib import Path

SCRIPTS = ("native.py", "elementwise.py", "compile_time.py", "gradient_cost.py")
QUICK = {"compile_time.py": ["--runs", "1", "--rounds", "1"]}


def main() -> None:
    options = [option for option in sys.argv[1:] if option != "--quick"]
    if {"-h", "--help"} & set(options):
        sys.exit(__doc__)
    failed = []
    for script in SCRIPTS:
        quick = QUICK.get(script, ["--runs", "1", "--rounds", "3"])
        more = quick if "--quick" in sys.argv else []
        print(f"\n## {script}\n", flush=True)
        path = Path(__file__).parent / script
        if subprocess.run([sys.executable, str(path), *options, *more]).returncode:
            failed.append(script)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
