# shellcheck shell=bash disable=SC2034 # its variables are for whoever sources it
# What all scripts of this folder agree on; each variable may be set before. Meant to be sourced.
set -euo pipefail

: "${CLUSTER:=modelrelease}"            # name of the cluster, and prefix of all that is made
: "${REGION:=eu-west-1}"                # of the cluster and of the images
: "${FLAVOR:=auto-mode}"                # auto-mode, or fargate
: "${NAME:=housing}"                    # of the release
: "${DRIVER:=CloudFrontDistribution}"   # or CloudFrontKeyValueStore
: "${STATE:=$HOME/.local/state/modelrelease/eks-$CLUSTER}" # what the steps tell each other; kubeconfig too, yours is left alone

# CloudFront's own region, whatever that of the cluster is.
readonly GLOBAL_REGION=us-east-1
readonly REGISTRY_STACK=$CLUSTER-registry CI_STACK=$CLUSTER-ci DISTRIBUTION_STACK=$CLUSTER-$NAME

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")
readonly HERE ROOT
export KUBECONFIG=$STATE/kubeconfig
# No pager, and no answer that asks.
export AWS_PAGER=''
mkdir -p "$STATE"

fail() {
  echo "$*" >&2
  exit 1
}

need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "$program is not installed, see eksctl/README.md"
  done
}

# One mistyped name must not lead to the other kind of cluster, or to another account's resources.
case $FLAVOR in auto-mode | fargate) ;; *) fail "FLAVOR=$FLAVOR: give auto-mode or fargate" ;; esac
case $DRIVER in CloudFrontDistribution | CloudFrontKeyValueStore) ;; *) fail "DRIVER=$DRIVER: give CloudFrontDistribution or CloudFrontKeyValueStore" ;; esac
[[ $CLUSTER =~ ^[a-z][a-z0-9-]{0,30}$ ]] || fail "CLUSTER=$CLUSTER: give at most 31 lower-case letters, digits and -"
[[ $NAME =~ ^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$ ]] || fail "NAME=$NAME: give a name of a ModelRelease"

account_id() {
  aws sts get-caller-identity --query Account --output text
}

# output STACK REGION NAME: the output of a stack, nothing where it has none.
output() {
  local value
  value=$(aws cloudformation describe-stacks --stack-name "$1" --region "$2" \
    --query "Stacks[0].Outputs[?OutputKey=='$3'].OutputValue | [0]" --output text)
  [ "$value" = None ] || echo "$value"
}

# has_stack NAME REGION. Whatever else goes wrong than that it is not there ends the script.
has_stack() {
  local said
  if said=$(aws cloudformation describe-stacks --stack-name "$1" --region "$2" 2>&1 >/dev/null); then return 0; fi
  case $said in *"does not exist"*) return 1 ;; esac
  fail "$said"
}

# has_cluster: as has_stack.
has_cluster() {
  local said
  if said=$(aws eks describe-cluster --name "$CLUSTER" --region "$REGION" 2>&1 >/dev/null); then return 0; fi
  case $said in *ResourceNotFoundException*) return 1 ;; esac
  fail "$said"
}

deploy() { # STACK REGION TEMPLATE NAME=VALUE...
  local stack=$1 region=$2 template=$3
  shift 3
  aws cloudformation deploy --stack-name "$stack" --region "$region" --template-file "$HERE/cloudformation/$template" \
    --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset --tags "modelrelease.io/cluster=$CLUSTER" \
    --parameter-overrides "$@"
}

# object KIND VALUE...: what is applied, as JSON, which is YAML.
object() {
  "$ROOT/node_modules/.bin/node" "$HERE/objects.ts" "$@"
}

use_cluster() {
  aws eks update-kubeconfig --name "$CLUSTER" --region "$REGION" --kubeconfig "$KUBECONFIG" >/dev/null
}
