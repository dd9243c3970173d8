#!/usr/bin/env bash
# One load balancer for each color, before there is anything behind it: origins are permanent. Waits until both have a name.
source "$(dirname "$0")/settings.sh"
need aws kubectl

use_cluster
if [ "$FLAVOR" = auto-mode ]; then
  class=eks-auto
  kubectl apply --server-side -f "$HERE/ingress-class-auto-mode.yaml"
else
  class=alb
fi
sed -e "s|INGRESS_CLASS|$class|; s|housing|$NAME|" "$HERE/origins.yaml" | kubectl apply --server-side -f -
for color in blue green; do
  kubectl wait "ingress/$NAME-$color" --namespace models --timeout=10m \
    --for=jsonpath='{.status.loadBalancer.ingress[0].hostname}'
done
