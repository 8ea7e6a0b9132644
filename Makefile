# Two commands are enough on a fresh clone: `make run` and `make test`. Each makes .venv, installs the
# locked wheels and goes; the stamps in .venv make the second time instant.
#
# PORT, CAMBIST_HOME and the like reach the engine through the environment: `make run PORT=3001`.
# They have no default here, so that a cambist.toml is not overruled by one (the engine's is 3000).

PYTHON ?= python3
V      := .venv
S      := .venv-site
PY     := $(V)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check --quiet
WHEELS := install --require-hashes --only-binary :all:
UV     ?= uv
ORACLES ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cambist/oracles
NEWMAN ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cambist/newman
LOCK   := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
          --no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help run up demo test check test-routing test-newest test-onchain fix ui postman newman oracles bench bench-cluster bench-compare bench-find bench-quotes bench-reads bench-stream proofs fuzz storm simulate model docs site \
        lock clean

help: ## show these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

run: $(V)/.run ## start the engine: paper mode, port 3000 (PORT=3001 for another)
	@exec $(V)/bin/cambist serve

up: $(V)/.test ## a whole installation: PostgreSQL, Valkey, an API, two workers (PORT=, WORKERS=)
	@exec $(V)/bin/cambist up $(if $(WORKERS),--workers $(WORKERS))

demo: $(V)/.run ## start it, send five orders at once and watch their lives
	@exec $(V)/bin/cambist demo

test: check ## check, then the whole suite: two tests at once, since much of it waits
	@$(PY) -m pytest -q -n 2 --dist loadgroup

check: $(V)/.test ## format, lint, import contracts, types, architecture tests
	@$(V)/bin/ruff format --check --quiet
	@$(V)/bin/ruff check --quiet
	@$(V)/bin/lint-imports --no-logo
	@$(V)/bin/mypy
	@$(PY) -m pytest -q tests/architecture

test-routing: $(V)/.test ## routes against a brute force over all subsets of pools (SETS=400 of each family)
	@$(PY) -m tests.routing.optimality --sets $(or $(SETS),400)

test-onchain: $(V)/.test ## quotes against the compiled programs themselves (PROGRAMS=folder of .so files)
	@$(PY) -m pytest -q tests/onchain --programs "$(PROGRAMS)" --counts

test-newest: $(V)/.test ## the connection's tests against the newest uvicorn, websockets and httptools there are
	@$(PYTHON) -m venv --clear $(V)-newest
	@$(V)-newest/bin/python -m pip --disable-pip-version-check --quiet $(WHEELS) -r requirements/run.txt
	@$(V)-newest/bin/python -m pip --disable-pip-version-check --quiet $(WHEELS) -r requirements/test.txt
	@$(V)-newest/bin/python -m pip --disable-pip-version-check --quiet install --upgrade uvicorn websockets httptools
	@$(V)-newest/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --no-index -e .
	@$(V)-newest/bin/python -m pip --disable-pip-version-check list 2>/dev/null | grep -iE '^(uvicorn|websockets|httptools) '
	@$(V)-newest/bin/python -m pytest -q tests/server/test_http1.py tests/server/test_websocket_protocol.py \
	  tests/server/test_handshake.py tests/server/test_order_entry.py tests/server/test_frames.py \
	  tests/server/test_streams.py tests/server/test_stalled_readers.py tests/server/test_hostile_requests.py \
	  tests/client_compatibility

fix: $(V)/.test ## repair what ruff can repair
	@$(V)/bin/ruff check --fix
	@$(V)/bin/ruff format

ui: $(V)/.ui $(S)/.site ## look at the pages in a real browser (needs chromium)
	@$(PY) -m pytest -q tests/ui

postman: $(V)/.test $(NEWMAN)/.installed ## run the Postman collection (needs node)
	@$(PY) -m pytest -q tests/postman

newman: $(NEWMAN)/.installed ## install what runs the collection, apart from the project

oracles: $(V)/.test $(ORACLES)/.installed ## quotes beside the venues' own SDKs (needs node)
	@$(PY) -m pytest -q -m "proofs or not proofs" tests/oracles

bench: $(V)/.run ## measure
	@$(PY) -m bench

bench-cluster: $(V)/.test ## measure one process beside several over PostgreSQL and Redis
	@$(PY) -m bench.cluster

bench-compare: $(V)/.run ## compare the CPU time of an order with another version (BASE=revision or checkout)
	@$(PY) -m bench.compare "$(BASE)"

bench-find: $(V)/.run ## measure routes over many pools, and decoding (BASE=another checkout, to compare with)
	@$(PY) -m bench.find $(if $(BASE),--base "$(BASE)")

bench-quotes: $(V)/.run ## measure quotes beside the venues' SDKs (where `make oracles` put them), and routes
	@$(PY) -m bench.quotes

bench-reads: $(V)/.test ## measure lists and reports at 100,000 orders, in SQLite and PostgreSQL
	@$(PY) -m bench.reads

bench-stream: $(V)/.run ## measure streams: fan-out, idle sockets, slow readers
	@$(PY) -m bench.streams

proofs: $(V)/.test ## what is too long for `make test`: stream storms, mutants, 10,000 sockets
	@$(PY) -m pytest -q -m proofs

fuzz: $(V)/.fuzz ## mutate what a program's decoder and event readers read (PROGRAM=clmm SECONDS=60)
	@mkdir -p .cache/fuzz/$(or $(PROGRAM),clmm)
	@$(PY) -m tests.fuzz $(or $(PROGRAM),clmm) .cache/fuzz/$(or $(PROGRAM),clmm) -max_len=400 \
	  -len_control=0 -max_total_time=$(or $(SECONDS),60) -print_final_stats=1 \
	  -artifact_prefix=.cache/fuzz/$(or $(PROGRAM),clmm)-

storm: $(V)/.test ## real processes under load and kills (MINUTES=10 STORE=sqlite|postgres, ROUNDS=)
	@$(PY) -m tests.acceptance.storm --store $(or $(STORE),sqlite) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	  $(if $(MINUTES),--minutes $(MINUTES))

simulate: $(V)/.test ## run the engine in a failing world, seed by seed (SEEDS=500 FROM=0 JOBS=2)
	@$(PY) -m tests.simulation --seeds $(or $(SEEDS),500) --from $(or $(FROM),0) --jobs $(or $(JOBS),2)

model: $(V)/.run ## walk every interleaving of the attempt protocol
	@$(PY) -m tests.model.attempts

docs: $(V)/.test ## print the pages that come from the code
	@$(PY) -m scripts.generate_docs
	@$(PY) -m scripts.make_postman

site: $(S)/.site ## build the pages as a site, into ./site
	@$(S)/bin/zensical build --strict --clean

lock: ## resolve the dependencies anew (needs uv)
	@mkdir -p requirements
	$(LOCK) pyproject.toml --extra docs --extra postgres --extra redis --group build -o requirements/run.txt
	$(LOCK) -c requirements/run.txt pyproject.toml --extra docs --extra postgres --extra redis -o requirements/image.txt
	$(LOCK) -c requirements/run.txt --group dev -o requirements/test.txt
	$(LOCK) -c requirements/run.txt -c requirements/test.txt --group ui -o requirements/ui.txt
	$(LOCK) -c requirements/run.txt -c requirements/test.txt --group fuzz -o requirements/fuzz.txt
	$(LOCK) --group site -o requirements/site.txt

# Some 350 MB of SDKs: kept in the user's cache, and only for those who ask.
$(ORACLES)/.installed: tests/oracles/package.json tests/oracles/package-lock.json
	@command -v npm >/dev/null || { echo 'The SDKs to compare with need node and npm.' >&2; exit 1; }
	@mkdir -p $(ORACLES)
	@cp tests/oracles/package.json tests/oracles/package-lock.json tests/oracles/.npmrc $(ORACLES)
	@npm --prefix $(ORACLES) ci --silent --ignore-scripts
	@touch $@

clean: ## remove .venv and caches; orders in .cambist stay
	rm -rf $(V) $(V)-newest $(S) site .cache dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# `--clear` repairs an install that was interrupted: the stamp is touched last.
# The editable install is a call of its own, since a path cannot carry a hash.
$(V)/.run: requirements/run.txt pyproject.toml Makefile
	@command -v $(PYTHON) >/dev/null || { echo 'cambist needs Python 3.11 or newer, and $(PYTHON) was not found.' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "cambist needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ". If you have a newer one, name it: make PYTHON=python3.12 $(firstword $(MAKECMDGOALS))")'
	@$(PYTHON) -m venv --clear $(V) || { echo 'Python came without venv. On Debian: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Installing the locked wheels into $(V) ...'
	@$(PIP) $(WHEELS) -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(V)/.test: $(V)/.run requirements/test.txt
	@echo 'Installing the locked test wheels into $(V) ...'
	@$(PIP) $(WHEELS) -r requirements/test.txt
	@touch $@

$(V)/.ui: $(V)/.test requirements/ui.txt
	@echo 'Installing the locked browser driver into $(V) ...'
	@$(PIP) $(WHEELS) -r requirements/ui.txt
	@touch $@

$(V)/.fuzz: $(V)/.test requirements/fuzz.txt
	@echo 'Installing the locked fuzzer into $(V) ...'
	@$(PIP) $(WHEELS) -r requirements/fuzz.txt
	@touch $@

# Apart from the engine's own: what builds pages has no business beside it.
$(S)/.site: requirements/site.txt
	@$(PYTHON) -m venv --clear $(S)
	@$(S)/bin/python -m pip --disable-pip-version-check --quiet $(WHEELS) -r requirements/site.txt
	@touch $@

# Some 60 MB of node: kept in the user's cache, where every clone finds it.
$(NEWMAN)/.installed: postman/package.json postman/package-lock.json
	@command -v npm >/dev/null || { echo 'The collection is run by newman, which needs node and npm.' >&2; exit 1; }
	@mkdir -p $(NEWMAN)
	@cp postman/package.json postman/package-lock.json postman/.npmrc $(NEWMAN)
	@npm --prefix $(NEWMAN) ci --silent --ignore-scripts
	@touch $@
