# shellcheck shell=bash
# What the pages' commands find in a lab: contrib/docs/check reads this into the shell in which it runs them. $ID is the migration that
# they are about, LONGSHORE_LAB_NAME the lab.

# Nobody is there to answer its question.
longshore() {
  if [[ $1 == resolve ]]; then set -- "$@" --yes; fi
  command longshore "$@"
}

# What is done on a host of one's own is done on $ON.
virsh() { contrib/lab/on "${ON:-beta}" virsh "$@"; }
systemctl() {
  [[ $* == 'restart libvirtd' ]] || return 1
  contrib/lab/on "${ON:-beta}" pkill -x libvirtd
  until ! contrib/lab/on "${ON:-beta}" pgrep -x libvirtd >/dev/null; do sleep 0.1; done
  # It opens the links as well.
  contrib/lab/up >/dev/null
}

# Runs what does not end by itself in the network of beta, where no other has its ports, until it has printed a word. A server ends well
# with SIGTERM, a script by it: until_printed WORD COMMAND [ARGUMENT…]
until_printed() {
  local word=$1 process status=0
  shift
  if [[ $1 == python ]]; then
    set -- "${LONGSHORE_TEST_PYTHON:?names no Python that has contrib/examples/requirements.txt}" "contrib/examples/$2" "${@:3}"
  fi
  nsenter --net="/run/netns/longshore-$LONGSHORE_LAB_NAME-beta" -- "$@" >"$LAB_NOTES-printed" 2>&1 &
  process=$!
  until grep --quiet --no-messages -- "$word" "$LAB_NOTES-printed"; do
    kill -0 "$process" 2>/dev/null || break
    sleep 0.1
  done
  kill -TERM "$process"
  wait "$process" || status=$?
  cat -- "$LAB_NOTES-printed"
  [[ $status == 0 || $1 == */python && $status == 143 ]]
}

# Orders that web-1 moves from alpha to beta, as soon as that is possible: order [OPTION…]
order() { until ID=$(longshore migrate web-1 --from alpha --to beta --detach "$@"); do sleep 1; done; }

# Waits until disks are copied.
copying() {
  until longshore status "$ID" --format json |
    jq --exit-status 'any(.. | .disks?[]?.bytes?.done?; . != null and . > 0)' >/dev/null; do sleep 0.2; done
}

# Waits until status tells something: told REGEX
told() { until longshore status "$ID" | grep --quiet --extended-regexp "$1"; do sleep 0.5; done; }

# Waits until a host's libvirt says of web-1: state HOST STATE
state() { until [[ $(contrib/lab/on "$1" virsh domstate web-1 2>/dev/null) == "$2" ]]; do sleep 0.2; done; }

# Starts a host's agent anew, with variables in its environment: agent HOST [VARIABLE=VALUE]…
agent() {
  contrib/lab/agent kill "$1"
  env "${@:2}" contrib/lab/agent start "$1"
}

# An agent that loses its journal: lose HOST
lose() {
  contrib/lab/agent kill "$1"
  contrib/lab/on "$1" sh -c 'rm /var/lib/longshore/journal.sqlite*'
  contrib/lab/agent start "$1"
}

# Where beta has web-1, removes what alpha still has of it, and brings it back.
home() {
  contrib/lab/on beta virsh dominfo web-1 >/dev/null 2>&1 || return 0
  ! contrib/lab/on alpha virsh dominfo web-1 >/dev/null 2>&1 || contrib/lab/guest-down alpha web-1
  until longshore migrate web-1 --from beta --to alpha --progress none; do sleep 1; done
}
