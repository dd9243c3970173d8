#!/usr/bin/env bash
# After a release job that failed or was cancelled: ends its attempt, if it is still on its way. The operator takes back by
# itself whatever fails; this is for a job that nobody waits for any more. Safe to run twice, and when another release has come
# since: that one is left alone.
#   MODEL_SERVER_IMAGE=… scripts/ci/abort.sh NAME NAMESPACE
set -euo pipefail

name=${1:?the release} namespace=${2:?its namespace} image=${MODEL_SERVER_IMAGE:?what this workflow released}
aws eks update-kubeconfig --name "${CLUSTER:?name of the EKS cluster}" --region "${AWS_REGION:?its region}" >/dev/null

found=$(kubectl get modelrelease "$name" --namespace "$namespace" --ignore-not-found --output json)
[ -n "$found" ] || { echo "there is no release $name: nothing to abort"; exit 0; }
field() {
  jq --raw-output "$1 // empty" <<<"$found"
}
[ "$(field .spec.model.serverImage)" = "$image" ] || { echo "$name asks for another image by now: nothing to abort"; exit 0; }
attempt=$(field .status.attempt.id)
# The status is of this spec once the operator has seen it; before that its attempt is an older one.
[ "$(field .metadata.generation)" = "$(field .status.observedGeneration)" ] || attempt=''
[ -n "$attempt" ] || { echo "the operator has not begun with $name: nothing to abort; put the spec back if it shall not begin" >&2; exit 1; }
outcome=$(field .status.attempt.outcome)
[ -z "$outcome" ] || { echo "attempt $attempt has ended: $outcome"; exit 0; }
# The same word in each run of this workflow, so that a second one asks for nothing new.
kubectl annotate modelrelease "$name" --namespace "$namespace" --overwrite \
  "modelrelease.io/command=abort/$attempt/${CIRCLE_WORKFLOW_ID:?the workflow}"
