#!/usr/bin/env bash
# Prints a file with each ${NAME} in it replaced by the variable of that name, in capitals. One that is not set is an error, and
# what is in a value is never read again: it can add no line to the file.
#   scripts/ci/render.sh FILE
set -euo pipefail

text=$(<"${1:?a file}")
result=''
while [[ $text =~ \$\{([A-Z_]+)\} ]]; do
  # The next match takes the place of this one.
  found=${BASH_REMATCH[0]} name=${BASH_REMATCH[1]}
  value=${!name:-}
  [[ $value =~ ^[A-Za-z0-9@:/._-]+$ ]] || { echo "$1: $name is \"$value\": give a value of letters, digits and @ : / . _ -" >&2; exit 1; }
  result+=${text%%"$found"*}$value
  text=${text#*"$found"}
done
printf '%s%s\n' "$result" "$text"
