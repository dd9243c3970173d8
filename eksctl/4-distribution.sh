#!/usr/bin/env bash
# The distribution, and the operator's role for it. Safe to run again whatever is live: where users are is read before, and
# sent with the rest. Not while a release is being switched: CloudFormation guards its update by no reading.
source "$(dirname "$0")/settings.sh"
need aws kubectl

balancer() { # COLOR
  kubectl get ingress "$NAME-$1" --namespace models --output "jsonpath={.status.loadBalancer.ingress[0].hostname}"
}

arn_of() { # DOMAIN
  local arn
  arn=$(aws elbv2 describe-load-balancers --region "$REGION" \
    --query "LoadBalancers[?DNSName=='$1'].LoadBalancerArn | [0]" --output text)
  [ "$arn" != None ] || fail "no load balancer of this account in $REGION has the name \"$1\": run 3-origins.sh first"
  echo "$arn"
}

live_color() {
  local id target
  has_stack "$DISTRIBUTION_STACK" "$GLOBAL_REGION" || { echo blue; return; }
  id=$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" DistributionId)
  # A first creation that failed left a stack without a distribution.
  [ -n "$id" ] || { echo blue; return; }
  target=$(aws cloudfront get-distribution --id "$id" --query Distribution.DistributionConfig.DefaultCacheBehavior.TargetOriginId --output text)
  case $target in
    "$NAME-blue") echo blue ;;
    "$NAME-green") echo green ;;
    *) fail "the default behavior of $id leads to $target, which is neither color: nothing was changed" ;;
  esac
}

# Whether no attempt of the release is on its way; also where there is no release, or nothing yet that knows releases.
is_at_rest() {
  local attempt
  if ! attempt=$(kubectl get modelreleases "$NAME" --namespace models --ignore-not-found \
    --output 'jsonpath={.status.attempt.id}/{.status.attempt.outcome}' 2>&1); then
    case $attempt in *"doesn't have a resource type"*) return 0 ;; esac
    fail "$attempt"
  fi
  [[ -z $attempt || $attempt = / || $attempt = */?* ]]
}

# The provider of the cluster's tokens, for IRSA: Fargate knows no Pod Identity, and one way is enough for a cluster.
web_identity_trust() {
  local issuer
  issuer=$(aws eks describe-cluster --name "$CLUSTER" --region "$REGION" --query cluster.identity.oidc.issuer --output text)
  object trust "${issuer#https://}" "$(account_id)"
}

use_cluster
is_at_rest || fail "the release $NAME is on its way: run this when its attempt has ended"
blue=$(balancer blue)
green=$(balancer green)
blue_arn=$(arn_of "$blue")
green_arn=$(arn_of "$green")
live=$(live_color)
code='' trust=''
[ "$DRIVER" = CloudFrontDistribution ] || code=$(cd "$ROOT" && npm run -s cloudfront-function -- --key "$NAME")
[ "$FLAVOR" = auto-mode ] || trust=$(web_identity_trust)
deploy "$DISTRIBUTION_STACK" "$GLOBAL_REGION" distribution.yaml "Name=$NAME" "Cluster=$CLUSTER" "Driver=$DRIVER" \
  "BlueLoadBalancerDomain=$blue" "BlueLoadBalancerArn=$blue_arn" \
  "GreenLoadBalancerDomain=$green" "GreenLoadBalancerArn=$green_arn" \
  "LiveColor=$live" "FunctionCode=$code" "WebIdentityTrust=$trust" "UpdateReadsVpcOrigins=${UPDATE_READS_VPC_ORIGINS:-false}" \
  "HostName=${HOST_NAME:-}" "CertificateArn=${CERTIFICATE_ARN:-}"
echo "distribution $(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" DistributionId), users at https://$(output "$DISTRIBUTION_STACK" "$GLOBAL_REGION" DomainName)"
