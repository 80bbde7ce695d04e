#!/bin/sh
# Install the container's packages and code into a folder: `kubernetes/install.sh FOLDER PYTHON`, in the root of the project.
# PYTHON is the interpreter that will run them. The Dockerfile runs this script, and so do the tests.
set -eu
folder=$1 python=$2

"$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile \
    --no-deps --require-hashes --only-binary=:all: --target "$folder" --requirement functions/container/requirements.txt
cp -R functions/*.py functions/nextitem functions/container "$folder/"
# Never imported, as in functions/Makefile.
(cd "$folder" && rm -rf bin container/requirements.* numpy/_core/include numpy/_core/lib numpy/f2py \
    onnxruntime/backend onnxruntime/datasets onnxruntime/quantization onnxruntime/tools onnxruntime/transformers \
    onnxruntime/capi/libonnxruntime.so.*)
find "$folder" \( -name __pycache__ -o -name tests \) -type d -prune -exec rm -rf {} +
# The folder is read-only where it runs. `unchecked-hash`: Python does not compare a module with its source.
"$python" -m compileall -q -j 1 --invalidation-mode unchecked-hash "$folder"
chmod -R u=rwX,go=rX "$folder"
