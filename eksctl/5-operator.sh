#!/usr/bin/env bash
# The operator, with its images by their digests, its role, and the list of what may be moved:
#   OPERATOR_IMAGE=…@sha256:… MODEL_SERVER_IMAGE=…@sha256:… eksctl/5-operator.sh
source "$(dirname "$0")/settings.sh"
need aws kubectl

for image in "${OPERATOR_IMAGE:=}" "${MODEL_SERVER_IMAGE:=}"; do
  [[ $image =~ ^[^@]+@sha256:[0-9a-f]{64}$ ]] ||
    fail "OPERATOR_IMAGE and MODEL_SERVER_IMAGE: give images by their digests, as scripts/ci/push.sh prints them (got \"$image\")"
done

use_cluster
role=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" OperatorRoleArn)
distribution=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" DistributionId)
store=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" StoreArn)

overlay=$STATE/overlay
mkdir -p "$overlay"
object allow-list "$NAME" "$distribution" "$store" >"$overlay/allow-list.yaml"
# With Pod Identity the association names the ServiceAccount; with IRSA the ServiceAccount names the role.
annotated=$role
[ "$FLAVOR" = fargate ] || annotated=''
base=$(realpath --relative-to="$overlay" "$ROOT/manifests/overlays/eks")
object overlay "$base" "$OPERATOR_IMAGE" "$MODEL_SERVER_IMAGE" "$REGION" "$annotated" >"$overlay/kustomization.yaml"

if [ "$FLAVOR" = auto-mode ]; then
  # Before the pods: a pod that started without an association never gets credentials.
  associated=$(aws eks list-pod-identity-associations --cluster-name "$CLUSTER" --region "$REGION" \
    --namespace modelrelease-system --service-account modelrelease-operator --query 'associations[0].associationId' --output text)
  if [ "$associated" = None ]; then
    aws eks create-pod-identity-association --cluster-name "$CLUSTER" --region "$REGION" \
      --namespace modelrelease-system --service-account modelrelease-operator --role-arn "$role" >/dev/null
  fi
fi
kubectl apply --server-side -k "$overlay"
kubectl rollout status deployment/modelrelease-operator --namespace modelrelease-system --timeout=5m
