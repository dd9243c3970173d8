#!/usr/bin/env bash
# What CircleCI may do: two roles that it takes on by OIDC, on the main branch of one repository.
#   CIRCLECI_ORGANIZATION_ID=… CIRCLECI_PROJECT_ID=… REPOSITORY=github.com/OWNER/NAME eksctl/7-ci.sh
source "$(dirname "$0")/settings.sh"
need aws kubectl

deploy "$CI_STACK" "$REGION" ci.yaml "Cluster=$CLUSTER" "RegistryPrefix=$CLUSTER" \
  "OrganizationId=${CIRCLECI_ORGANIZATION_ID:-}" "ProjectId=${CIRCLECI_PROJECT_ID:-}" \
  "Repository=${REPOSITORY:-}" "Branch=${BRANCH:-main}"
use_cluster
kubectl apply --server-side -f "$HERE/ci-rbac.yaml"
cat <<TEXT
AWS_REGION=$REGION
CLUSTER=$CLUSTER
REGISTRY=$(account_id).dkr.ecr.$REGION.amazonaws.com/$CLUSTER
AWS_PUSH_ROLE_ARN=$(output "$CI_STACK" "$REGION" PushRoleArn)
AWS_RELEASE_ROLE_ARN=$(output "$CI_STACK" "$REGION" ReleaseRoleArn)
TEXT
