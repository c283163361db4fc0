# shellcheck shell=bash
# A host's agent. Nobody restarts it: what a test kills stays dead until the test starts it.

agent_pid() { host_daemon "$1" longshored; }
agent_running() { agent_pid "$1" >/dev/null; }
agent_stopped() { ! agent_running "$1"; }

# The capabilities that the unit leaves the agent, but for AGENT_WITHOUT, as setpriv(1) takes them: it works with no more than these
# here either.
agent_capabilities() {
  local names
  names=$(sed -n 's/^CapabilityBoundingSet=//p' "$LAB_SOURCE/../systemd/longshored.service")
  [[ -n $names ]] || die "the unit names no capabilities"
  names=$(tr ' ' '\n' <<<"$names" | grep -vxF -- "${AGENT_WITHOUT:-none}" | paste -sd ' ')
  names=${names,,}
  printf -- '-all,+%s' "${names// /,+}" | sed 's/+cap_/+/g'
}

# Starts the agent unless it runs: agent_start HOST [VARIABLE=VALUE]…
# Returns when it has a process, which can be waited for.
agent_start() {
  local host=$1 record
  shift
  record=$(host_folder "$host")/longshored.pid
  [[ -n $LAB_AGENT ]] || die "the lab was made with --no-agents: run contrib/lab/up --agent PATH"
  [[ -x $LAB_AGENT ]] || die "no agent at $LAB_AGENT: build it first (swift build)"
  agent_running "$host" && return
  rm -f "$record"
  start_on_host "$host" longshored env "$@" setpriv --bounding-set "$(agent_capabilities)" --inh-caps=-all --no-new-privs \
    "$LAB_AGENT" --config /etc/longshore/longshored.yaml
  wait_until 300 test -s "$record" || die "the agent of $host is not started"
}

# Ends the agent with a signal and waits until it is gone: agent_end HOST TERM|KILL
agent_end() {
  local host=$1 signal=$2 pid
  pid=$(agent_pid "$host") || return 0
  on_host "$host" kill -"$signal" "$pid"
  wait_until 300 agent_stopped "$host" || die "the agent of $host (process $pid there) does not end"
}

# Waits until the agent has ended by itself.
agent_wait() {
  local pid
  pid=$(agent_pid "$1") || return 0
  on_host "$1" timeout 300 tail --sleep-interval=0.05 --pid="$pid" -f /dev/null ||
    die "the agent of $1 (process $pid there) has not ended in 300 s"
}
