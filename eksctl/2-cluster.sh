#!/usr/bin/env bash
# The cluster, of the kind that FLAVOR says; takes a quarter of an hour. One that is there is left as it is.
source "$(dirname "$0")/settings.sh"
need aws eksctl

# Who may administer the cluster: an IAM role, by default the one that runs this.
admin_role() {
  local arn
  arn=$(aws sts get-caller-identity --query Arn --output text)
  # arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION is a session of the role; its path, if it has one, is not in it.
  if [[ $arn =~ ^arn:([a-z-]+):sts::([0-9]+):assumed-role/([^/]+)/ ]]; then
    aws iam get-role --role-name "${BASH_REMATCH[3]}" --query Role.Arn --output text
  else
    echo "$arn"
  fi
}

if ! has_cluster; then
  ADMIN_ROLE_ARN=${ADMIN_ROLE_ARN:-$(admin_role)}
  sed -e "s|ADMIN_ROLE_ARN|$ADMIN_ROLE_ARN|; s|CLUSTER_NAME|$CLUSTER|; s|CLUSTER_REGION|$REGION|" \
    "$HERE/cluster-$FLAVOR.yaml" >"$STATE/cluster.yaml"
  eksctl create cluster --config-file "$STATE/cluster.yaml" --kubeconfig "$KUBECONFIG" --set-kubeconfig-context
fi
use_cluster
if [ "$FLAVOR" = fargate ]; then
  need helm
  vpc=$(aws eks describe-cluster --name "$CLUSTER" --region "$REGION" --query cluster.resourcesVpcConfig.vpcId --output text)
  helm upgrade --install aws-load-balancer-controller aws-load-balancer-controller --version 3.5.0 \
    --repo https://aws.github.io/eks-charts --namespace kube-system --wait \
    --set "clusterName=$CLUSTER,region=$REGION,vpcId=$vpc,serviceAccount.create=false,serviceAccount.name=aws-load-balancer-controller"
fi
