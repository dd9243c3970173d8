#!/usr/bin/env bash
# Signs an image, and its list of contents, as this job: by the job's own token, without a key, recorded in the public log. Or
# with COSIGN_KEY, for example awskms:///alias/modelrelease.
#   scripts/ci/sign.sh IMAGE@sha256:… SBOM
set -euo pipefail

image=${1:?the image} sbom=${2:?its list of contents}
[[ $image =~ @sha256:[0-9a-f]{64}$ ]] || { echo "\"$image\" names no digest: a tag may be another image tomorrow" >&2; exit 2; }
cosign=$("$(dirname "$0")/tool.sh" cosign)
if [ -n "${COSIGN_KEY:-}" ]; then
  how=(--key "$COSIGN_KEY")
else
  SIGSTORE_ID_TOKEN=$(circleci run oidc get --claims '{"aud":"sigstore"}')
  export SIGSTORE_ID_TOKEN
  how=()
fi
# For registries of tests: plain HTTP, no public log.
read -r -a more <<<"${COSIGN_FLAGS:-}"
"$cosign" sign --yes "${how[@]}" "${more[@]}" "$image"
"$cosign" attest --yes "${how[@]}" "${more[@]}" --type spdxjson --predicate "$sbom" "$image"
