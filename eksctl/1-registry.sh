#!/usr/bin/env bash
# The repositories of the images. Prints where to push them.
source "$(dirname "$0")/settings.sh"
need aws

deploy "$REGISTRY_STACK" "$REGION" registry.yaml "Prefix=$CLUSTER"
echo "operator:     $(output "$REGISTRY_STACK" "$REGION" OperatorUri)"
echo "model server: $(output "$REGISTRY_STACK" "$REGION" ModelServerUri)"
