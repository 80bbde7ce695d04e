#!/bin/sh
# Prints the path of a Python 3.13 that really runs: Lambda's version, needed to compile the function's modules.
# Tries $PYTHON313, then python3.13 on PATH, then pyenv's own versions. A name on PATH proves nothing: pyenv's shim
# python3.13 exists, and fails, wherever another version is the chosen one.

executable_of() {
    "$1" -c 'import sys; print(sys.executable) if sys.version_info[:2] == (3, 13) else sys.exit(1)' 2>/dev/null
}

if [ -n "$PYTHON313" ]; then
    executable_of "$PYTHON313" && exit 0
    echo "PYTHON313=$PYTHON313 is no Python 3.13 that runs." >&2
    exit 1
fi

executable_of python3.13 && exit 0
for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13; do
    executable_of "$candidate" && exit 0
done

echo "No Python 3.13 found. Install one (\`pyenv install 3.13\`, or your system's python3.13 with pip)," \
    "or name it: PYTHON313=/path/to/python3.13." >&2
exit 1
