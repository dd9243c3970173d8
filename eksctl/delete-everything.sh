#!/usr/bin/env bash
# Back to an account without any of it: users get nothing any more. Safe to run twice, and again after it failed.
#   CONFIRM=<name of the cluster> eksctl/delete-everything.sh
source "$(dirname "$0")/settings.sh"
need aws eksctl kubectl

[ "${CONFIRM:-}" = "$CLUSTER" ] ||
  fail "this deletes the cluster $CLUSTER in $REGION of account $(account_id), its distribution, its images and its logs: set CONFIRM=$CLUSTER to have it done"

delete_stack() { # NAME REGION
  has_stack "$1" "$2" || return 0
  echo "deleting the stack $1"
  aws cloudformation delete-stack --stack-name "$1" --region "$2"
  aws cloudformation wait stack-delete-complete --stack-name "$1" --region "$2"
}

delete_bucket() { # NAME
  local said
  if ! said=$(aws s3api head-bucket --bucket "$1" --region "$GLOBAL_REGION" 2>&1 >/dev/null); then
    case $said in *404* | *"Not Found"*) return 0 ;; esac
    fail "$said"
  fi
  echo "deleting the bucket $1"
  aws s3 rb "s3://$1" --force --region "$GLOBAL_REGION" >/dev/null
}

left() { # REGION
  aws resourcegroupstaggingapi get-resources --region "$1" --tag-filters "Key=modelrelease.io/cluster,Values=$CLUSTER" \
    --query 'ResourceTagMappingList[].ResourceARN' --output text
}

account=$(account_id)
there=no
if has_cluster; then
  there=yes
  use_cluster
  # Before its distribution goes, or the operator would tell of a pointer that it cannot read.
  kubectl delete namespace modelrelease-system --ignore-not-found --wait
fi
# The distribution before its origins: CloudFront holds on to load balancers that it leads to.
delete_stack "$DISTRIBUTION_STACK" "$GLOBAL_REGION"
if [ "$there" = yes ]; then
  # While the cluster still runs: its controller removes the load balancers, which would keep the network from being deleted.
  kubectl delete namespace models --ignore-not-found --wait --timeout=15m
fi
delete_stack "$CI_STACK" "$REGION"
if [ "$there" = yes ]; then
  eksctl delete cluster --name "$CLUSTER" --region "$REGION" --wait
fi
delete_stack "$REGISTRY_STACK" "$REGION"
# Last: logs come for a while after the distribution has gone.
delete_bucket "$CLUSTER-$NAME-logs-$account"
rm -rf "$STATE"

rest=$(left "$REGION"; [ "$REGION" = "$GLOBAL_REGION" ] || left "$GLOBAL_REGION")
[ -z "${rest//[[:space:]]/}" ] || fail "left behind, with the tag modelrelease.io/cluster=$CLUSTER:
$rest"
echo "nothing of $CLUSTER is left"
