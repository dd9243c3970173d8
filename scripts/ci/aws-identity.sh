#!/usr/bin/env bash
# Lets the rest of the job act as an IAM role, by the job's own token: no key of AWS is stored anywhere. The SDKs exchange the
# token by themselves, whenever they need credentials.
#   scripts/ci/aws-identity.sh ROLE_ARN
set -euo pipefail

role=${1:?give the ARN of the role}
[[ $role =~ ^arn:[a-z-]+:iam::[0-9]{12}:role/.+ ]] || { echo "\"$role\" is not the ARN of a role: look at the context of this job" >&2; exit 1; }
# The second version of the token names the branch, which the role's trust policy asks for.
[ -n "${CIRCLE_OIDC_TOKEN_V2:-}" ] || { echo "there is no CIRCLE_OIDC_TOKEN_V2: only jobs with a context get one" >&2; exit 1; }

token=$(mktemp)
printf %s "$CIRCLE_OIDC_TOKEN_V2" >"$token"
cat >>"${BASH_ENV:?is set by CircleCI}" <<TEXT
export AWS_ROLE_ARN='$role'
export AWS_WEB_IDENTITY_TOKEN_FILE='$token'
export AWS_ROLE_SESSION_NAME='circleci-${CIRCLE_WORKFLOW_JOB_ID:-job}'
TEXT
