#!/usr/bin/env bash
# The operator, with its images by their digests, its role, and the list of what may be moved:
#   OPERATOR_IMAGE=…@sha256:… MODEL_SERVER_IMAGE=…@sha256:… eksctl/5-operator.sh
source "$(dirname "$0")/settings.sh"
need aws kubectl jq

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
jq --null-input --arg name "$NAME" --arg distribution "$distribution" --arg store "$store" '{
  targets: [{
    namespaces: ["models"], distributionId: $distribution, behaviors: ["*"], origins: ["\($name)-blue", "\($name)-green"] }
    + if $store == "" then {} else { keyValueStores: [{ arn: $store, keys: [$name] }] } end] }' >"$overlay/allow-list.yaml"
# JSON is YAML. The ConfigMap has a hash in its name, so that another list restarts the operator, which reads it once.
annotations='{}'
[ "$FLAVOR" = auto-mode ] || annotations=$(jq --null-input --arg role "$role" '{ "eks.amazonaws.com/role-arn": $role }')
jq --null-input --arg base "$(realpath --relative-to="$overlay" "$ROOT/manifests")" --arg operator "$OPERATOR_IMAGE" \
  --arg server "$MODEL_SERVER_IMAGE" --argjson annotations "$annotations" --arg region "$REGION" '{
  apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources: [$base],
  images: [{ name: "modelrelease/operator", newName: ($operator | split("@")[0]), digest: ($operator | split("@")[1]) }],
  configMapGenerator: [{ name: "cloudfront-allow-list", namespace: "modelrelease-system", files: ["allow-list.yaml"] }],
  patches: [
    { patch: ({ apiVersion: "v1", kind: "ServiceAccount",
        metadata: { name: "modelrelease-operator", namespace: "modelrelease-system", annotations: $annotations } } | tojson) },
    { patch: ({ apiVersion: "apps/v1", kind: "Deployment",
        metadata: { name: "modelrelease-operator", namespace: "modelrelease-system" },
        spec: { template: { spec: {
          volumes: [{ name: "allow-list", configMap: { name: "cloudfront-allow-list" } }],
          containers: [{ name: "operator",
            env: [
              { name: "MODEL_SERVER_IMAGE", value: $server },
              { name: "AWS_REGION", value: $region },
              { name: "CLOUDFRONT_ALLOW_LIST", value: "/etc/modelrelease/allow-list.yaml" }],
            volumeMounts: [{ name: "allow-list", mountPath: "/etc/modelrelease", readOnly: true }] }] } } } } | tojson) }] }' \
  >"$overlay/kustomization.yaml"

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
