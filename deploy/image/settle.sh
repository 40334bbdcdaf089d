#!/bin/sh
# settle.sh PYTHON FOLDER...: compile what is in the folders by the Python that runs it, and leave out
# when: the same packages are the same bytes.
set -eu
python=$1
shift
# Some packages hold templates that are no Python.
"$python" -m compileall -q --invalidation-mode unchecked-hash "$@" >/dev/null || true
# Zip archives, as which wheels come, know of no earlier year.
find "$@" -exec touch --no-dereference --date='1980-01-01 00:00:00 UTC' {} +
