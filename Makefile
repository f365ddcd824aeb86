# `make` or `make help` says what there is. PYTHON chooses the interpreter (3.11 or newer), CORES
# how many jobs run at once.
PYTHON ?= python3
CORES ?= 2
export PATH := $(CURDIR)/.venv/bin:$(PATH)
REPORT := results/render/report.html

.DEFAULT_GOAL := help
.PHONY: help demo test test-slurm test-failures check style fix clean .venv

help: ## this list
	@grep -E '^[a-z.-]+:.*##' Makefile | sed -E 's/^([a-z.-]+):.*## /  make \1\t/' | expand -t 24

demo: .venv ## simulate a small cohort and run every stage on it
	@bash -o pipefail -c 'snakemake --cores $(CORES) --configfile config/small.yaml config/demo.yaml 2>&1 \
		| python workflow/progress.py logs/demo.log' \
		|| { echo; echo "The last log says:"; tail -n 5 "$$(ls -t logs/*/*.log | head -n 1)"; exit 1; }
	@echo
	@echo "Report: file://$(CURDIR)/$(REPORT)"

test: .venv ## the tests, slow ones too, without the two below
	OMP_NUM_THREADS=1 pytest --numprocesses auto --dist loadfile

test-slurm: .venv ## the workflow under a SLURM started for it (Debian: slurm-wlm, munge)
	SSUS2MRI_SLURM=1 OMP_NUM_THREADS=1 pytest tests/slurm

test-failures: .venv ## runs that are killed, starved and disturbed, in minutes
	OMP_NUM_THREADS=1 pytest tests/failures

check: style ## format, style, types, imports, workflow and the fast tests
	pytest -m "not slow" --numprocesses auto --dist worksteal

style: .venv ## format, style, types, imports and workflow, without tests
	ruff check
	ruff format --check
	mypy
	lint-imports
	snakefmt --check workflow
	snakemake --lint

fix: .venv ## format code and workflow, mend style
	ruff check --fix
	ruff format
	snakefmt workflow

clean: ## delete results and logs, keep the environment
	rm -rf results logs .snakemake

.venv: .venv/.stamp ## the environment: requirements.lock and this package

.venv/.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12")'
	$(PYTHON) -m venv .venv
	pip install --quiet -r requirements.lock
	pip install --quiet --no-deps -e .
	@touch $@
