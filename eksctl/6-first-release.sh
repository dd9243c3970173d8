#!/usr/bin/env bash
# Writes the first release of the housing predictor to $STATE/release.yaml and applies it; waits until users have it:
#   MODEL_URI=https://…/housing-1.onnx eksctl/6-first-release.sh
source "$(dirname "$0")/settings.sh"
need aws kubectl jq

[ -n "${MODEL_URI:-}" ] || fail "MODEL_URI: say where the pods fetch examples/housing/models/housing-1.onnx, https:// or s3://"
use_cluster
distribution=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" DistributionId)
host=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" DomainName)
store=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" StoreArn)
model=$ROOT/examples/housing/models/housing-1.onnx
jq --null-input --arg name "$NAME" --arg uri "$MODEL_URI" --arg sha256 "$(sha256sum "$model" | cut -d ' ' -f 1)" \
  --slurpfile samples "$ROOT/examples/housing/samples.json" --arg distribution "$distribution" --arg host "$host" --arg driver "$DRIVER" --arg store "$store" '
  $samples[0].samples[0] as $house
  | ({ distributionId: $distribution, behaviors: [{ pathPattern: "*" }],
    origins: { blue: "\($name)-blue", green: "\($name)-green" },
    # Nobody but CloudFront reaches a VPC origin, so the way through it is proven by verify.
    originProof: "Waived",
    verify: { url: "https://\($host)/v2/health/ready", consecutive: 5 } }
    + if $store == "" then {} else { keyValueStoreArn: $store, key: $name } end) as $pointer
  | { apiVersion: "modelrelease.io/v1alpha1", kind: "ModelRelease", metadata: { name: $name, namespace: "models" },
    spec: {
      replicas: 2,
      progressDeadlineSeconds: 1200,
      model: { name: "housing", version: "1", uri: $uri, sha256: $sha256 },
      gates: [{ name: "a-known-house", smoke: {
        request: { method: "POST", path: "/predict", json: $house.request },
        expect: { json: [{ path: "$.prediction[0]", equals: $house.predictions["1"], absoluteTolerance: 0.01 }] }, consecutive: 2 } }],
      traffic: { type: $driver, ($driver | ascii_downcase[0:1] + $driver[1:]): $pointer } } }' >"$STATE/release.yaml"
kubectl modelrelease apply -f "$STATE/release.yaml" --wait --timeout 45m
echo "https://$host/predict answers"
