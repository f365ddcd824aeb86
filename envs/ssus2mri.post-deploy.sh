#!/usr/bin/env bash
# Snakemake runs this in the new environment, from the working directory.
set -euo pipefail
if [ ! -f pyproject.toml ]; then
    echo "conda: start Snakemake in a clone of ssus2mri (with --directory PROJECT), or install the" \
        "package into an environment of your own and leave --sdm conda out" >&2
    exit 1
fi
python -m pip install --no-deps --editable "$PWD"
