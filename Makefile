# make demo    one example, on SQLite
# make test    all tests, on SQLite, PostgreSQL and MariaDB (make test ARGS="-k pool -x");
#              make test-faults: those of tests/faults, for as long as their promises say;
#              make test-clusters: on clusters of our own, ten minutes, writes clusters.json
# make lint types floors docs    the checks, and the site;  make bench bench-quick    how fast it is
# make dist    what is published, tried on every Python here, an hour; make dist-quick: half a minute

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt

.PHONY: setup demo test test-faults test-clusters bench bench-quick lint types floors docs dist dist-quick clean
setup: .venv/dev
demo: .venv/demo
	$(BIN)/python examples/quickstart.py
test-faults: override ARGS += --full-faults tests/faults
test-clusters: override ARGS += --clusters -rs tests/clusters
test test-faults test-clusters: .venv/dev
	$(BIN)/python -m tests.plugins.$(if $(filter %-clusters,$@),clusters.programs,binaries)
	$(BIN)/python -m pytest --require-databases=sqlite,postgresql,mariadb $(ARGS)
bench bench-quick: .venv/dev
	$(BIN)/python -m tests.plugins.binaries
	$(BIN)/python -m benchmarks $(if $(filter %-quick,$@),--quick) $(ARGS)
lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
types: .venv/dev
	$(BIN)/mypy _asyncdb_command.py _asyncdb_pytest.py asyncdb tests/plugins tests/typing/reveal.py
	$(BIN)/pyright --pythonpath $(BIN)/python _asyncdb_command.py _asyncdb_pytest.py asyncdb tests/plugins tests/typing/reveal.py
floors: .venv/dev
	$(BIN)/lint-imports --no-cache
docs: .venv/dev
	$(BIN)/python -m docs.website $(ARGS)

dist dist-quick: .venv/dist
	$(if $(filter dist,$@),$(BIN)/python -m tests.plugins.binaries)
	$(BIN)/python -m tests.plugins.release $(if $(filter %-quick,$@),--quick) $(ARGS)

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
	"asyncdb needs Python 3.11 or later; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { echo \
	"$(PYTHON) cannot make a venv; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(INSTALL) --upgrade pip
	@touch $@

.venv/demo: .venv/pip pyproject.toml constraints.txt
	$(INSTALL) -e '.[sqlite,postgresql,mysql]'
	@touch $@
.venv/dev: .venv/pip pyproject.toml constraints.txt
	$(INSTALL) -e '.[all]' --group dev
	@touch $@
.venv/dist: .venv/dev
	$(INSTALL) --group dist
	@touch $@
clean:
	rm -rf .venv .venv-bench build dist .*_cache .hypothesis
