# Shared by the scripts of this folder: timed steps, and a fresh virtual environment.

steps_begun=$SECONDS
step_name="the start"
step_begun=$SECONDS
trap 'status=$?; if [ "$status" -ne 0 ]; then
    echo "=== FAILED: $step_name, after $((SECONDS - step_begun)) s"; fi
    rm -rf "${scratch:-}"; exit "$status"' EXIT

# step NAME COMMAND...: runs the command and prints how long it took.
step() {
    step_name=$1 step_begun=$SECONDS
    shift
    echo "=== $step_name"
    "$@"
    echo "=== $step_name: $((SECONDS - step_begun)) s"
}

# Every step ran.
finish() {
    echo "=== all passed: $((SECONDS - steps_begun)) s"
}

scratch=$(mktemp -d)
export PATH="$scratch/venv/bin:$PATH"
export PYTHONUNBUFFERED=1 MPLBACKEND=Agg JAX_PLATFORMS=cpu
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

environment() {
    "${PYTHON:-python3}" -m venv "$scratch/venv"
    python --version
}

install() {
    pip install --quiet --disable-pip-version-check "$@"
}
