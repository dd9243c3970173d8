#!/usr/bin/env bash
# Writes the first release of the housing predictor to $STATE/release.yaml and applies it; waits until users have it:
#   MODEL_URI=https://…/housing-1.onnx eksctl/6-first-release.sh
source "$(dirname "$0")/settings.sh"
need aws kubectl

[ -n "${MODEL_URI:-}" ] || fail "MODEL_URI: say where the pods fetch examples/housing/models/housing-1.onnx, https:// or s3://"
use_cluster
distribution=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" DistributionId)
host=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" DomainName)
store=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" StoreArn)
object release "$NAME" "$MODEL_URI" "$distribution" "$host" "$DRIVER" "$store" >"$STATE/release.yaml"
kubectl modelrelease apply -f "$STATE/release.yaml" --wait --timeout 45m
echo "https://$host/predict answers"
