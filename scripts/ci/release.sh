#!/usr/bin/env bash
# Applies one ModelRelease and waits until users have it. The operator proves it, moves the traffic, and takes it back if it
# must; nothing here does. Exit code of kubectl modelrelease: 0 promoted, 1 failed or rolled back, 2 not decided in time,
# 3 nothing was done.
#   MODEL_SERVER_IMAGE=… DISTRIBUTION_ID=… HOST_NAME=… scripts/ci/release.sh FILE
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

file=${1:?the file of the release}
aws eks update-kubeconfig --name "${CLUSTER:?name of the EKS cluster}" --region "${AWS_REGION:?its region}" >/dev/null
release=$("$here/render.sh" "$file")
"$here/cli.sh" apply --filename - --wait --timeout "${RELEASE_TIMEOUT:-45m}" --field-manager circleci <<<"$release"
