#!/usr/bin/env bash
# Looks for known holes in what an image contains, by the list that sbom.sh wrote. Fails for a grave one that has a remedy.
# A scanner runs a lot of foreign code over foreign data, so it runs where there is nothing to steal.
#   scripts/ci/scan.sh ARCHIVE
set -euo pipefail

archive=${1:?the archive of an image}
for name in AWS_ACCESS_KEY_ID AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN CIRCLE_OIDC_TOKEN CIRCLE_OIDC_TOKEN_V2; do
  [ -z "${!name:-}" ] || { echo "this job has credentials ($name): give it no context" >&2; exit 1; }
done
grype=$("$(dirname "$0")/tool.sh" grype)
GRYPE_CHECK_FOR_APP_UPDATE=false "$grype" "sbom:$archive.spdx.json" --fail-on high --only-fixed
