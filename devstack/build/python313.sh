#!/bin/sh
# Print the path of a working Python 3.13, Lambda's version. It compiles the function's modules.
# Tries $PYTHON313, then python3.13 on PATH, then the versions of pyenv. Each candidate is run, because pyenv's shim
# python3.13 exists on PATH, but fails if another version is selected.

executable_of() {
    "$1" -c 'import sys; print(sys.executable) if sys.version_info[:2] == (3, 13) else sys.exit(1)' 2>/dev/null
}

if [ -n "$PYTHON313" ]; then
    executable_of "$PYTHON313" && exit 0
    echo "PYTHON313=$PYTHON313 is not a working Python 3.13." >&2
    exit 1
fi

executable_of python3.13 && exit 0
for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13; do
    executable_of "$candidate" && exit 0
done

echo "No Python 3.13 found. Install one (\`pyenv install 3.13\`, or your system's python3.13 with pip)," \
    "or name it: PYTHON313=/path/to/python3.13." >&2
exit 1
