#!/usr/bin/env bash
# After a release job that failed or was cancelled: ends its attempt, if it is still on its way. The operator takes back by
# itself whatever fails; this is for a job that nobody waits for any more. Safe to run twice, and when another release has come
# since: that one is left alone.
#   MODEL_SERVER_IMAGE=… scripts/ci/abort.sh NAME NAMESPACE
set -euo pipefail

name=${1:?the release} namespace=${2:?its namespace} image=${MODEL_SERVER_IMAGE:?what this workflow released}
aws eks update-kubeconfig --name "${CLUSTER:?name of the EKS cluster}" --region "${AWS_REGION:?its region}" >/dev/null

# Fields that are not there are empty lines.
paths='{.spec.model.serverImage}{"\n"}{.metadata.generation}{"\n"}{.status.observedGeneration}{"\n"}{.status.attempt.id}{"\n"}{.status.attempt.outcome}{"\n"}'
found=$(kubectl get modelrelease "$name" --namespace "$namespace" --ignore-not-found --output "jsonpath=$paths")
[ -n "$found" ] || { echo "there is no release $name: nothing to abort"; exit 0; }
{ read -r asked; read -r generation; read -r observed; read -r attempt; read -r outcome; } <<<"$found"$'\n\n\n\n'
[ "$asked" = "$image" ] || { echo "$name asks for another image by now: nothing to abort"; exit 0; }
# The status is of this spec once the operator has seen it; before that its attempt is an older one.
[ "$generation" = "$observed" ] || attempt=''
[ -n "$attempt" ] || { echo "the operator has not begun with $name: nothing to abort; put the spec back if it shall not begin" >&2; exit 1; }
[ -z "$outcome" ] || { echo "attempt $attempt has ended: $outcome"; exit 0; }
# The same word in each run of this workflow, so that a second one asks for nothing new.
kubectl annotate modelrelease "$name" --namespace "$namespace" --overwrite \
  "modelrelease.io/command=abort/$attempt/${CIRCLE_WORKFLOW_ID:?the workflow}"
