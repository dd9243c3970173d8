#!/usr/bin/env bash
# Writes the list of what an image contains, as SPDX, beside its archive.
#   scripts/ci/sbom.sh ARCHIVE
set -euo pipefail

archive=${1:?the archive of an image}
syft=$("$(dirname "$0")/tool.sh" syft)
SYFT_CHECK_FOR_APP_UPDATE=false "$syft" scan "oci-archive:$archive" --output "spdx-json=$archive.spdx.json"
