#!/usr/bin/env bash
# Has a repository of releases ask for another image: sets serverImage in one file, commits and pushes. Safe to run twice: the
# same image is no commit. For GitOps, where a controller applies what Git says.
#   scripts/ci/commit.sh CLONE FILE IMAGE@sha256:…
set -euo pipefail

clone=${1:?a clone of the repository} file=${2:?the file of the release in it} image=${3:?the image}
[[ $image =~ ^[A-Za-z0-9:/._-]+@sha256:[0-9a-f]{64}$ ]] || { echo "\"$image\" names no digest" >&2; exit 2; }
[ "$(grep -c '^ *serverImage:' "$clone/$file")" = 1 ] ||
  { echo "$file must have one line serverImage: in spec.model" >&2; exit 1; }

cd "$clone"
for try in 1 2 3 4 5; do
  git pull --quiet --rebase
  sed -i "s|^\( *serverImage:\).*|\1 $image|" "$file"
  if git diff --quiet -- "$file"; then
    echo "$file asks for $image already"
    exit 0
  fi
  git commit --quiet --message "Release ${image##*/}" -- "$file"
  if git push --quiet; then exit 0; fi
  echo "somebody pushed meanwhile (try $try)" >&2
  # Ours is made anew on theirs.
  git reset --quiet --hard '@{upstream}'
done
exit 1
