#!/usr/bin/env bash
# Pushes an image under the commit's tag, and prints its name with the digest. Safe to run twice: tags are never moved, and
# the same image under the same tag is not pushed again.
#   scripts/ci/push.sh ARCHIVE REPOSITORY
set -euo pipefail

archive=${1:?the archive of an image} repository=${2:?where to push it, without a tag}
tag=git-${CIRCLE_SHA1:?the commit}
# Where cosign looks, too.
export REGISTRY_AUTH_FILE=${REGISTRY_AUTH_FILE:-$HOME/.docker/config.json}
plain=()
case $repository in
  *.dkr.ecr.*.amazonaws.com*/*)
    mkdir -p "$(dirname "$REGISTRY_AUTH_FILE")"
    aws ecr get-login-password | skopeo login --username AWS --password-stdin "${repository%%/*}" >&2
    ;;
  localhost:* | 127.*:*) plain=(--tls-verify=false) ;;
esac

digest=$(skopeo inspect --format '{{.Digest}}' "oci-archive:$archive")
if ! there=$(skopeo inspect --no-tags "${plain[@]}" --format '{{.Digest}}' "docker://$repository:$tag" 2>&1); then
  case $there in
    *"manifest unknown"* | *"name unknown"* | *"not found"*) there='' ;;
    *) echo "$there" >&2; exit 1 ;;
  esac
fi
if [ -z "$there" ]; then
  skopeo copy --preserve-digests "${plain[@]/#--/--dest-}" "oci-archive:$archive" "docker://$repository:$tag" >&2
elif [ "$there" != "$digest" ]; then
  echo "$repository:$tag is $there, and this build is $digest: a commit is built once; run the workflow from its start for another" >&2
  exit 1
fi
echo "$repository@$digest"
