# shellcheck shell=bash
# A host's agent. Nobody restarts it: what a test kills stays dead until the test starts it.

agent_pid() { host_daemon "$1" longshored; }
agent_running() { agent_pid "$1" >/dev/null; }
agent_stopped() { ! agent_running "$1"; }

agent_start() {
  local host=$1
  [[ -n $LAB_AGENT ]] || die "the lab was made with --no-agents: run contrib/lab/up --agent PATH"
  [[ -x $LAB_AGENT ]] || die "no agent at $LAB_AGENT: build it first (swift build)"
  agent_running "$host" && return
  start_on_host "$host" longshored "$LAB_AGENT" --config /etc/longshore/longshored.yaml
}

# Ends the agent with a signal and waits until it is gone: agent_end HOST TERM|KILL
agent_end() {
  local host=$1 signal=$2 pid
  pid=$(agent_pid "$host") || return 0
  on_host "$host" kill -"$signal" "$pid"
  wait_until 60 agent_stopped "$host" || die "the agent of $host (process $pid there) does not end"
}
