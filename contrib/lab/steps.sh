# shellcheck shell=bash
# The steps of a longer command: a line on standard output for each, with the time that it took. What the tools write goes
# to the file STEP_LOG, and its end is shown when a step fails.

STEP_TITLE='' STEP_SHOWN=''

# Runs a step: step TITLE TEXT COMMAND…
# A command that fails ends the script, whose EXIT trap calls step_failed.
step() {
  local began=$SECONDS
  step_begin "$1" "$2"
  ("${@:3}") </dev/null >>"$STEP_LOG" 2>&1
  step_end "$began"
}

# Runs a step whose command counts its work as `[12/345] …`; on a terminal the count is shown.
step_counted() {
  local began=$SECONDS
  step_begin "$1" "$2"
  if [[ -t 1 ]]; then
    ("${@:3}") </dev/null 2>&1 | tee -a "$STEP_LOG" | step_count
  else
    ("${@:3}") </dev/null >>"$STEP_LOG" 2>&1
  fi
  step_end "$began"
}

step_begin() {
  STEP_TITLE=$1
  STEP_SHOWN=$(printf '%-10s %s' "$1" "$2")
  printf '%s ' "$STEP_SHOWN"
}

step_end() {
  ! [[ -t 1 ]] || printf '\r\033[K%s ' "$STEP_SHOWN"
  printf '(%s)\n' "$(duration $((SECONDS - $1)))"
  STEP_TITLE=''
}

step_count() {
  local line
  while IFS= read -r line; do
    [[ ! $line =~ ^\[([0-9]+)/([0-9]+)\] ]] ||
      printf '\r\033[K%s %s of %s' "$STEP_SHOWN" "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  done
}

# Says which step has failed, if one has, with the last of what its tools wrote.
step_failed() {
  [[ -n $STEP_TITLE ]] || return 0
  printf 'failed\n'
  tail -n 20 -- "$STEP_LOG" | sed 's/^/  | /' >&2
  STEP_TITLE=''
}

# Seconds, for people: 8 s, 3 min 5 s.
duration() {
  if (($1 < 60)); then printf '%d s' "$1"; else printf '%d min %d s' $(($1 / 60)) $(($1 % 60)); fi
}
