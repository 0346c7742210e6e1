# Two commands do all: `make run` and `make test`. `make setup` is what both begin with.
PROJECT ?= digits
DEVICE ?= cpu
PYTHON ?= python3
UV_VERSION := 0.13.8
TORCH_VERSION := 2.13.0
# Where the CPU build of torch comes from: a folder of wheels (PIP_FIND_LINKS), else PyTorch's own index of CPU builds.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH_FROM := $(if $(filter cuda,$(DEVICE)),,$(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS),--index $(TORCH_CPU_INDEX)))
TORCH_NEEDS := $(if $(filter cuda,$(DEVICE)),,--no-deps)
CUDA_ONLY := cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc \
  nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse \
  nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx triton

.PHONY: setup run test lock
.DEFAULT_GOAL := run

setup: .venv/ready-$(DEVICE)

.venv/ready-$(DEVICE): requirements.lock pyproject.toml
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	.venv/bin/uv pip install --quiet --python .venv/bin/python $(TORCH_NEEDS) $(TORCH_FROM) torch==$(TORCH_VERSION)
	.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes -r requirements.lock
	.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

run: setup
	@.venv/bin/farrier run $(PROJECT)

test: setup
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered --cov-fail-under=90

lock:
	UV_FIND_LINKS=$(PIP_FIND_LINKS) .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header \
	  --no-annotate --generate-hashes $(foreach name,torch $(CUDA_ONLY),--no-emit-package $(name)) \
	  --extra dev pyproject.toml --output-file requirements.lock
	for name in serving servers; do UV_FIND_LINKS=$(PIP_FIND_LINKS) .venv/bin/uv pip compile --quiet --universal \
	  --python-version 3.11 --no-header --no-annotate --generate-hashes --constraint requirements.lock \
	  docker/$$name-requirements.in --output-file docker/$$name-requirements.lock; done
