# make demo: install everything into the checkout and run a living conference. make test: all tests. make check: style, types, arrows.
PYTHON ?= python3
V := .venv/bin
STAMPS := .stamps

.PHONY: demo test check soak chaos from-nothing install install-dev native locales lock clean
.DELETE_ON_ERROR:

demo: install
	@$(V)/python -m server demo $(ARGS)

test: install-dev
	@$(V)/python -m pytest $(ARGS)

check: install-dev
	@$(V)/ruff check . && $(V)/ruff format --check .
	@$(V)/mypy
	@PYTHONPATH=. $(V)/lint-imports
	@./tools/node web/node_modules/typescript/bin/tsc -p web/jsconfig.json

bench-%: install-dev
	@$(V)/python -m bench.$(subst -,_,$*) $(ARGS)

soak: install-dev
	@$(V)/python -m bench.soak $(ARGS)

chaos: install-dev
	@$(V)/python -m bench.chaos $(ARGS)

from-nothing:
	@./tools/from-nothing $(ARGS)

install: $(STAMPS)/python $(STAMPS)/bytecode $(STAMPS)/web native
install-dev: install $(STAMPS)/dev $(STAMPS)/browser $(STAMPS)/clients $(STAMPS)/postgres $(STAMPS)/turn $(STAMPS)/redis $(STAMPS)/proxy

$(STAMPS)/python: requirements.lock pyproject.toml
	@./tools/install python
$(STAMPS)/bytecode: $(STAMPS)/python $(shell find live recordings rooms server -name '*.py' -newer .stamps/bytecode 2>/dev/null)
	@./tools/install bytecode
$(STAMPS)/dev: requirements-dev.lock $(STAMPS)/python
	@./tools/install dev
$(STAMPS)/web: web/package-lock.json $(STAMPS)/python
	@./tools/install web
$(STAMPS)/browser: $(STAMPS)/dev
	@./tools/install browser
$(STAMPS)/clients: $(STAMPS)/dev
	@./tools/install clients
$(STAMPS)/postgres: $(STAMPS)/dev
	@./tools/install postgres
$(STAMPS)/turn: $(STAMPS)/dev
	@./tools/install turn
$(STAMPS)/redis: $(STAMPS)/dev
	@./tools/install redis
$(STAMPS)/proxy: $(STAMPS)/dev
	@./tools/install proxy

# compiled helpers: optional, Python does the same more slowly
native: live/libnative.so
live/libnative.so: $(wildcard live/*.[ch])
%/libnative.so: %/native.c tools/compile
	@./tools/compile $< $@

# after a change of texts
locales: install-dev
	@$(V)/python -m web.catalogues

# after a change of dependencies in pyproject.toml; needs uv
lock:
	@for extra in "" -dev -node; do uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra install $$(case $$extra in -dev) echo --extra dev;; -node) echo --extra node;; esac) -o requirements$$extra.lock pyproject.toml; done

clean:
	@rm -rf .venv .venv-ortools $(STAMPS) web/node_modules bench/peers/node_modules live/libnative.so
