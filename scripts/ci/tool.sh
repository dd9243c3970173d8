#!/usr/bin/env bash
# Prints where a tool of CI is, at the version below; compiles it from its Go module where it is not there yet. The version is
# exact, and Go checks what it fetches against the checksum database: nobody can put another program in its place, as was
# done to the releases and actions of a scanner in March 2026.
#   scripts/ci/tool.sh cosign|grype|helm|helm4|kind|syft|validate-krew-manifest
set -euo pipefail

case ${1:-} in
  cosign) module=github.com/sigstore/cosign/v3/cmd/cosign version=v3.1.3 ;;
  grype) module=github.com/anchore/grype/cmd/grype version=v0.121.3 ;;
  helm) module=helm.sh/helm/v3/cmd/helm version=v3.22.0 ;;
  helm4) module=helm.sh/helm/v4/cmd/helm version=v4.3.1 ;;
  kind) module=sigs.k8s.io/kind version=v0.33.0 ;;
  syft) module=github.com/anchore/syft/cmd/syft version=v1.57.1 ;;
  # The newest that the module proxy has.
  validate-krew-manifest) module=sigs.k8s.io/krew/cmd/validate-krew-manifest version=v0.4.3 ;;
  *) echo "usage: scripts/ci/tool.sh cosign|grype|helm|helm4|kind|syft|validate-krew-manifest" >&2; exit 2 ;;
esac

folder=${MODELRELEASE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/modelrelease/tools}/$1-$version
if [ ! -x "$folder/$1" ]; then
  command -v go >/dev/null || { echo "$1 is compiled with Go, which is not installed" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # A toolchain that is too old fetches the one that the module wants, which is checked in the same way.
  GOBIN=$work GOTOOLCHAIN=auto CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' "$module@$version" >&2
  mkdir -p "$folder"
  # In one step: a job that is cut off leaves no half of a program in the cache.
  mv "$work/$(basename "$module")" "$folder/$1"
fi
echo "$folder/$1"
