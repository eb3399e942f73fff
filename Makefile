# make demo: install everything into the checkout and run a living conference. make test: all tests. make check: style, types, arrows.
PYTHON ?= python3
V := .venv/bin
STAMPS := .stamps

.PHONY: demo test check install install-dev clean
.DELETE_ON_ERROR:

demo: install
	@$(V)/plenum demo $(ARGS)

test: install-dev
	@$(V)/python -m pytest $(ARGS)

check: install-dev
	@$(V)/ruff check . && $(V)/ruff format --check .
	@$(V)/mypy
	@PYTHONPATH=. $(V)/lint-imports
	@./tools/node web/node_modules/typescript/bin/tsc -p web/jsconfig.json

bench-%: install-dev
	@$(V)/python -m bench.$(subst -,_,$*) $(ARGS)

install: $(STAMPS)/python $(STAMPS)/web $(STAMPS)/locales
install-dev: install $(STAMPS)/dev $(STAMPS)/browser

$(STAMPS)/python: requirements.lock pyproject.toml
	@./tools/install python
$(STAMPS)/dev: requirements-dev.lock $(STAMPS)/python
	@./tools/install dev
$(STAMPS)/web: web/package-lock.json $(STAMPS)/python
	@./tools/install web
$(STAMPS)/browser: $(STAMPS)/dev
	@./tools/install browser
$(STAMPS)/locales: $(wildcard web/locales/*/LC_MESSAGES/*.po) $(STAMPS)/python
	@./tools/install locales

clean:
	@rm -rf .venv .tools $(STAMPS) web/node_modules
