.DEFAULT_GOAL := help
PY := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

setup: ## make .venv and node_modules from the hashed locks (asks nothing)
	@python3 tools/setup.py

demo: setup ## play the whole story on a local chain, each step with what it proves
	@$(PY) -m scripts.demo

up: setup ## start chain and vault with sample agencies and wallets; Ctrl-C stops all of it
	@$(PY) -m scripts.up

up-cluster: setup ## the same with 2 API processes, 2 workers, sequencer and publisher on PostgreSQL and S3
	@$(PY) -m scripts.cluster

window: setup ## open the service window's page with sample data; Ctrl-C stops all of it
	@$(PY) -m scripts.window

mydata: setup ## open a sample citizen's page, "my data", with sample data; Ctrl-C stops all of it
	@$(PY) -m scripts.mydata

test: setup ## run the whole suite
	@$(PY) -m tools.suite

conformance: setup ## every backend on the same suite, and all of the vault's unit tests on PostgreSQL and S3
	@ONEFILE_TEST_BACKENDS=postgres+s3 $(PY) -m pytest -q tests/servers tests/conformance tests/unit/vault_api

check: setup ## lint, types, imports, contracts, tests, docs
	@$(PY) -m tools.check

lint: setup ## ruff, mypy and import-linter
	@$(PY) -m tools.check --static

vectors: setup ## our vectors by our code and by a verifier in Node; the published ones, and what of them is out of scope
	@$(PY) -m pytest -q tests/vectors -rs
	@node tests/vectors/verify.mjs
	@$(PY) -m tests.vectors.scope

bench: setup ## measure every row of docs/performance.md beside its alternative (ROWS=a1,c for some)
	@$(PY) -m bench $(ROWS)

bench-quick: setup ## the same rows at small sizes, in under five minutes; writes nothing
	@$(PY) -m bench --quick $(ROWS)

bench-audit: setup ## how long `wallet audit --full` takes over a log of SIZE=100000 entries; writes nothing
	@$(PY) -m bench.audit_log --size $(or $(SIZE),100000)

big-documents: setup ## documents of SIZE=1GiB, COUNT=1 to 10 at once, through real programs: what memory they take
	@$(PY) -m scripts.big_documents --size $(or $(SIZE),1GiB) --count $(or $(COUNT),1)

overload: setup ## ten times what a vault can do, for SECONDS=10: how fast what is accepted is answered; writes nothing
	@$(PY) -m bench.overload --seconds $(or $(SECONDS),10)

contracts: setup ## compile the contracts and write artifacts
	@$(PY) -m chain.main compile

contracts-fuzz: setup ## forge fuzz and invariant tests with new seeds, RUNS=… cases each
	@$(PY) -m tools.forge fuzz $(or $(RUNS),2000)

contracts-coverage: setup ## what the forge tests leave out of the contracts; fails below 100 %
	@$(PY) -m tools.forge coverage

slither: setup ## run Slither in its own environment; fails on what contracts/AUDIT.md does not explain
	@$(PY) -m tools.environments slither
	@$(PY) -m tools.slither

mutation: setup ## change protocol/ in one place at a time: do its tests notice? MODULES="merkle grant …"
	@$(PY) -m tools.mutation $(MODULES)

fuzz: setup ## fuzz every parser for SECONDS=… in all, on every core (RECORD=--record keeps what comes of it, --to-goal finishes one by one)
	@$(PY) -W ignore -m tests.fuzz run --seconds $(or $(SECONDS),120) $(RECORD)

fuzz-costs: setup ## the largest and dearest inputs of every parser: CPU time and memory of each
	@$(PY) -W ignore -m tests.fuzz costs $(PARSERS)

fuzz-http: setup ## CALLS=… of every operation on a real vault, signed, by schemathesis in its own environment
	@$(PY) -W ignore -m tests.fuzz.http --calls $(or $(CALLS),50000)

histories: setup ## N=… random histories of the vault against the reference model, on all cores; SEED=… again the same
	@$(PY) -W ignore -m tests.stateful.histories $(or $(N),1000) $(if $(SEED),--seed $(SEED))

chain-trouble: setup ## N=… checkpoints over an endpoint that fails half the time, and REORGS=… reorganisations; SEED=… again the same
	@$(PY) -W ignore -m tests.trouble.anchoring --checkpoints $(or $(N),10000) --seed $(or $(SEED),1)
	@$(PY) -W ignore -m tests.trouble.reorganising --times $(or $(REORGS),500) --seed $(or $(SEED),1)

figure: setup ## one part of a figure of docs/figures.md: NAME=replay N=100000 (SEED=… again the same); at most 20 minutes
	@$(PY) -W ignore -m bench.figures run $(NAME) $(or $(N),1000) $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

figures: setup ## what all recorded runs of the figures come to, beside their goals: docs/figures.md
	@$(PY) -m bench.figures totals

chaos: setup ## kill a loaded vault KILLS=… times at random moments and look for losses; SEED=… again the same
	@$(PY) -W ignore -m tools.chaos --kills $(or $(KILLS),100) $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

restore-drill: setup ## back up and restore a synthetic vault of ENTRIES=… and BYTES=…, and say how long it took
	@$(PY) -m tools.restore_drill --entries $(or $(ENTRIES),100000) --bytes $(or $(BYTES),200000000)

catalogs: setup ## build the message catalogues
	@$(PY) tools/catalogs.py

frames: setup ## measure how well the window's page reads hard pictures, beside others: docs/window-frames.md
	@$(PY) -m tools.frames

lock: setup ## resolve the locks anew: hashes, no addresses
	@$(PY) tools/lock.py

.PHONY: help setup demo up up-cluster window mydata test conformance check lint vectors bench bench-quick bench-audit big-documents contracts overload contracts-fuzz contracts-coverage slither mutation fuzz fuzz-costs fuzz-http histories chain-trouble figure figures restore-drill catalogs frames lock
