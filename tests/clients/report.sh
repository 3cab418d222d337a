# The little test runner that the shell clients share. A step is a function; it fails if a command in it fails.
passed=0
failed=0

# step NAME FUNCTION
step() {
  local output status
  # Not as the condition of `if`: bash ignores `set -e` in there.
  output=$(set -euo pipefail; "$2" 2>&1)
  status=$?
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok   $1"
  else
    failed=$((failed + 1))
    echo "FAIL $1: $output"
  fi
}

# equal GOT WANT
equal() {
  [ "$1" = "$2" ] || { echo "got '$1', want '$2'"; return 1; }
}

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
