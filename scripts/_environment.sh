# Sourced by the scripts: a virtual environment in .venv with everything for development.
# Reused while pyproject.toml is the same; KAD_PYTHON chooses the interpreter, 3.11 or newer.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
python=${KAD_PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "kad needs Python 3.11 or newer; $python is $("$python" --version). Set KAD_PYTHON." >&2
    exit 2
}
current=$(cat pyproject.toml scripts/_environment.sh | cksum)
if [ "$(cat .venv/kad-current 2>/dev/null)" != "$current" ]; then
    echo "Setting up .venv (a few minutes, once) …" >&2
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
    echo "$current" > .venv/kad-current
fi
if [ -z "${KAD_DATA_DIR:-}" ] && [ -d ../shared/data ]; then
    KAD_DATA_DIR=$(cd ../shared/data && pwd)
    export KAD_DATA_DIR
fi
