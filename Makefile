# Two commands are enough: make run, make test. All that they create is in .venv and
# .local. `make PYTHON=python3.12 run` chooses the Python that .venv is made with.
PYTHON ?= python3
PY := .venv/bin/python
BOOTSTRAP := $(PYTHON) bin/bootstrap.py requirements.txt
# What a production machine has in its environment; nothing connects to any of it.
PRODUCTION := SHOP_ENV=production DEBUG=0 \
	SECRET_KEY=make-check-only-nZ4vQ0w2Lr8sXc6Tt1Yb9Hk3Gd7Fp5Ja2Me8Wu4Qi \
	JWT_KEY=make-check-only-aB7dE1gH4jK9mN2pQ5sT8vW3xY6zC0fL1rU4iO7eA9 \
	ALLOWED_HOSTS=shop.example SHOP_BASE_URL=https://shop.example \
	CSRF_TRUSTED_ORIGINS=https://shop.example BEHIND_TLS_PROXY=1 TRUSTED_PROXIES=1 \
	DATABASE_URL=postgres://shop:secret@db.example/shop?sslmode=require \
	REDIS_URL=rediss://redis.example/0 CELERY_BROKER_URL=rediss://redis.example/1 \
	SECURE_HSTS_PRELOAD=1 \
	DATA_PLATFORM_URL=https://data.example/events \
	DATA_PLATFORM_SECRET=whsec_bWFrZS1jaGVjay1vbmx5LW1ha2UtY2hlY2s=

# A shop is half a dozen processes, and tests start hundreds: what Python has compiled
# is kept for the next, also where a machine's settings say otherwise.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup run test e2e audit api-check fuzz client-test check fix drill topology bench screenshots messages stop clean

help:  ## Show what can be made
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## Install everything for working on the shop into .venv
	@$(BOOTSTRAP) requirements-test.txt requirements-dev.txt

run:  ## Run the whole shop with demo data (RUN_ARGS="--port 9000")
	@$(BOOTSTRAP)
	@exec $(PY) manage.py serve $(RUN_ARGS)

test:  ## Run the tests (PYTEST_ARGS="-k coupons")
	@$(BOOTSTRAP) requirements-test.txt
	@exec $(PY) -m pytest $(PYTEST_ARGS)

e2e:  ## Show each state of each page in Chromium, and make whole journeys
	@$(BOOTSTRAP) requirements-test.txt
	@exec $(PY) -m pytest tests/journeys tests/states $(PYTEST_ARGS)

audit:  ## Hold the storefront to its bars: axe, Nu, Lighthouse, widths, weights
	@$(BOOTSTRAP) requirements-test.txt
	@exec $(PY) -m audit $(AUDIT_ARGS)

api-check: setup  ## Lint the API's descriptions: Spectral, Redocly, and against the code
	$(PY) -W ignore::RuntimeWarning manage.py openapi --check
	$(PY) -m contract lint

fuzz:  ## Try every operation of the API with whatever fits, and does not (FUZZ_ARGS)
	@$(BOOTSTRAP) requirements-test.txt
	@exec $(PY) -m contract fuzz $(FUZZ_ARGS)

client-test:  ## Make clients in four languages, and buy something with two of them
	@$(BOOTSTRAP) requirements-test.txt
	@exec $(PY) -m contract clients

check: setup  ## Check style, types, imports, migrations, settings and templates
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports
	$(PY) -m mypy .
	$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(PY) -W ignore::RuntimeWarning manage.py openapi --check
	$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING
	.venv/bin/djlint templates --lint --quiet

fix: setup  ## Mend what can be mended by itself
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

drill:  ## Race crowds for the last unit, one coupon and more, on a database of its own
	@$(BOOTSTRAP)
	@exec $(PY) manage.py drill $(DRILL_ARGS)

topology:  ## Rehearse the shop of several machines on this one: replica, PgBouncer, nginx
	@$(BOOTSTRAP)
	@exec $(PY) -m deploy.topology

bench:  ## Measure how many purchases a second this machine makes
	@$(BOOTSTRAP) requirements-test.txt
	@exec $(PY) -m benchmarks $(BENCH_ARGS)

screenshots:  ## Take the README's pictures, of the shop at URL or one of its own
	@$(BOOTSTRAP) requirements-test.txt
	@exec $(PY) bin/screenshots.py docs/screenshots $(URL)

messages: setup  ## Collect what is to be translated, compile what is
	DJANGO_SETTINGS_MODULE=config.settings PYTHONPATH=. $(PY) bin/messages.py

stop:  ## Stop the embedded servers of this folder
	@for state in .local .local/test .local/audit .local/contract; do \
		[ ! -d $$state ] || SHOP_STATE_DIR=$$state $(PY) -m config.embedded stop; \
	done

clean: stop  ## Remove .venv and .local, with all data in them
	rm -rf .venv .local
