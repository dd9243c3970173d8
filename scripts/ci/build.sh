#!/usr/bin/env bash
# Builds an image to an archive. Its digest is fixed from here on: what is scanned is what is pushed, signed and released.
#   scripts/ci/build.sh operator|server ARCHIVE
set -euo pipefail
cd "$(dirname "$0")/../.."

component=${1:?operator or server} archive=${2:?where to put the image}
[ -f "Dockerfile.$component" ] || { echo "there is no Dockerfile.$component" >&2; exit 2; }
# The driver that can write archives.
docker buildx inspect modelrelease >/dev/null 2>&1 || docker buildx create --name modelrelease --driver docker-container >/dev/null
docker buildx build --builder modelrelease --file "Dockerfile.$component" --build-arg "VERSION=${CIRCLE_SHA1:-dev}" \
  --provenance=false --output "type=oci,dest=$archive" .
