# shellcheck shell=bash
# The lab's RabbitMQ, of one node or a cluster of three: its nodes, ports, files and Erlang port mapper are the lab's own,
# so that it meets neither the machine's broker nor another lab's. Every node has an address, and a folder of that number.

# shellcheck source-path=SCRIPTDIR
source "$LAB_SOURCE/tls.sh"

broker_folder() { printf '%s/broker' "$LAB_STATE"; }
broker_node_folder() { printf '%s/%s' "$(broker_folder)" "$1"; }
broker_node_name() { printf 'longshore-%s-%s@localhost' "$LAB_NAME" "$1"; }

# Where the hosts reach a node, with TLS where the lab has it, and where the machine reaches it without: broker_address NODE
broker_address() {
  if [[ $LAB_TLS == yes ]]; then
    printf '%s:%s' "$(broker_node_address "$1")" "$(broker_tls_port)"
  else
    printf '%s:%s' "$(broker_node_address "$1")" "$(broker_port)"
  fi
}
broker_plain_address() { printf '127.0.0.%s:%s' "$1" "$(broker_port)"; }

# The same of all nodes, with commas: broker_addresses COMMAND
broker_addresses() {
  local node addresses=()
  for node in $(broker_nodes); do
    addresses+=("$("$1" "$node")")
  done
  (IFS=, && printf '%s' "${addresses[*]}")
}

# The broker as operators name it, with all its nodes.
broker_url() { broker_url_of "$(broker_addresses broker_address)"; }
broker_url_of() {
  local options=''
  [[ $LAB_TLS == no ]] || options="?cacertfile=$(tls_folder)/ca.pem&server_name_indication=broker"
  printf '%s://operator:operator@%s/%%2f%s' "$([[ $LAB_TLS == yes ]] && printf amqps || printf amqp)" "$1" "$options"
}

# The broker as tests name it, from this machine: as the administrator `longshore`, or as `anybody`, who may besides do everything in
# the name of others: broker_test_url USER
broker_test_url() { printf 'amqp://%s:%s@%s/%%2f' "$1" "$1" "$(broker_addresses broker_plain_address)"; }

# The first node with TLS, as the machine reaches it.
broker_tls_url() {
  printf 'amqps://longshore:longshore@localhost:%s/%%2f?cacertfile=%s' "$(broker_tls_port)" "$(tls_folder)/ca.pem"
}

broker_running() { [[ -n $(broker_processes "$1") ]]; }

# A node's processes: the one that was started is a script, the broker itself another of its process group.
broker_processes() {
  local leader pid
  read -r leader _ 2>/dev/null <"$(broker_node_folder "$1")/broker.pid" || return 0
  for pid in $(pgrep --pgroup "$leader" || true); do
    ! grep -qzxF "$LAB_MARK=$LAB_STATE" "/proc/$pid/environ" 2>/dev/null || printf '%s\n' "$pid"
  done
}

# Sets the array `environment`: what makes RabbitMQ's programs use a node of the lab, its files and ports. The wrappers in
# /usr/sbin change the user and drop the environment, so the programs are run from their own folder.
broker_environment() {
  local folder
  folder=$(broker_node_folder "$1")
  environment=(
    HOME="$(broker_folder)"
    ERL_CRASH_DUMP="$folder/erl_crash.dump"
    ERL_EPMD_ADDRESS=127.0.0.1
    ERL_EPMD_PORT="$(broker_epmd_port)"
    RABBITMQ_NODENAME="$(broker_node_name "$1")"
    RABBITMQ_DIST_PORT="$(broker_distribution_port "$1")"
    RABBITMQ_CONF_ENV_FILE="$folder/rabbitmq-env.conf"
    RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf"
    RABBITMQ_ADVANCED_CONFIG_FILE="$folder/advanced.config"
    RABBITMQ_ENABLED_PLUGINS_FILE="$folder/enabled_plugins"
    RABBITMQ_GENERATED_CONFIG_DIR="$folder/config"
    RABBITMQ_MNESIA_BASE="$folder/mnesia"
    RABBITMQ_LOG_BASE="$folder/log"
    RABBITMQ_PID_FILE="$folder/rabbitmq.pid"
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
  )
}

# Starts nodes unless they run, and waits until they take connections and their replicas of queues are online:
# broker_start NODE…
# Nodes that were down together are started together: the one that was last up has what the others wait for.
broker_start() {
  local node launched=()
  broker_equip
  if [[ ! -f $(broker_folder)/formed ]]; then
    broker_form
    return
  fi
  for node; do
    if ! broker_running "$node"; then
      broker_launch "$node"
      launched+=("$node")
    fi
  done
  for node in "${launched[@]}"; do
    broker_await "$node"
  done
  ((LAB_BROKERS > 1)) || return 0
  for node in "${launched[@]}"; do
    wait_until 300 broker_replicas_online "$node" ||
      die "the replicas of the broker's node $node are not online: contrib/lab/broker queues"
  done
}

# Makes the cluster, again from the beginning if a former attempt was broken off. One node after the other, since each finds
# the others at its first start; a node that found none would be a cluster of its own.
broker_form() {
  local node
  for node in $(broker_nodes); do
    broker_stop KILL "$node"
    rm -rf -- "$(broker_node_folder "$node")"
  done
  for node in $(broker_nodes); do
    broker_launch "$node"
    broker_await "$node"
  done
  broker_control 1 --quiet await_online_nodes --timeout 300 "$LAB_BROKERS" >/dev/null ||
    die "the broker's nodes are no cluster of $LAB_BROKERS; their output: $(broker_folder)/*/broker.log"
  : >"$(broker_folder)/formed"
}

broker_launch() {
  local node=$1 folder environment peer
  folder=$(broker_node_folder "$node")
  mkdir -p "$folder"
  : >"$folder/rabbitmq-env.conf"
  printf '[rabbitmq_auth_mechanism_ssl].\n' >"$folder/enabled_plugins"
  printf '[].\n' >"$folder/advanced.config"
  cat >"$folder/rabbitmq.conf" <<END
listeners.tcp.loopback = $(broker_plain_address "$node")
listeners.$([[ $LAB_TLS == yes ]] && printf ssl || printf tcp).lab = $(broker_address "$node")
listeners.ssl.loopback = 127.0.0.$node:$(broker_tls_port)
ssl_options.cacertfile = $(tls_folder)/ca.pem
ssl_options.certfile = $(broker_folder)/server.pem
ssl_options.keyfile = $(broker_folder)/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
loopback_users = none
load_definitions = $(broker_folder)/definitions.json
disk_free_limit.absolute = 50MB
END
  if ((LAB_BROKERS > 1)); then
    printf 'cluster_formation.peer_discovery_backend = classic_config\n'
    for peer in $(broker_nodes); do
      printf 'cluster_formation.classic_config.nodes.%s = %s\n' "$peer" "$(broker_node_name "$peer")"
    done
  fi >>"$folder/rabbitmq.conf"
  broker_environment "$node"
  run_marked "${environment[@]}" setsid --fork \
    bash "$LAB_SOURCE/daemon" "$folder/broker" /usr/lib/rabbitmq/bin/rabbitmq-server
}

broker_await() {
  wait_until 300 broker_answers "$1" ||
    die "the broker does not answer on $(broker_address "$1"); its output: $(broker_node_folder "$1")/broker.log"
}

# Makes what the nodes share: the broker's key and certificate, its users with what they may do, and the cookie by which the nodes
# know each other.
broker_equip() {
  local folder
  folder=$(broker_folder)
  [[ ! -f $folder/definitions.json ]] || return 0
  mkdir -p "$folder"
  chmod 700 "$folder"
  (umask 277 && openssl rand -hex 20 >"$folder/.erlang.cookie.new")
  mv -f "$folder/.erlang.cookie.new" "$folder/.erlang.cookie"
  tls_certificate "$folder/server.pem" "$folder/server.key" localhost DNS:localhost,DNS:broker
  broker_definitions >"$folder/definitions.json.new"
  mv "$folder/definitions.json.new" "$folder/definitions.json"
}

# Everybody's password is their name.
broker_password_file() { printf '%s/passwords' "$(broker_folder)"; }

# The users that contrib/rabbitmq makes for the hosts, and those of the tests.
broker_definitions() {
  local host hosts
  read -r -a hosts <<<"$LAB_HOSTS"
  {
    printf '%s %s\n' operator operator orchestrator orchestrator gateway gateway monitor monitor longshore longshore anybody anybody
    for host in "${hosts[@]}"; do
      printf '%s %s\n' "agent-$host" "agent-$host"
    done
  } >"$(broker_password_file)"
  "$LAB_SOURCE/../rabbitmq/definitions" --passwords "$(broker_password_file)" --administrator longshore --impersonator anybody \
    lab "${hosts[@]}"
}

broker_answers() {
  # shellcheck disable=SC2034  # the connection ends with the subshell
  (exec {connection}<>"/dev/tcp/127.0.0.$1/$(broker_port)") 2>/dev/null
}

broker_replicas_online() {
  broker_queues | awk -F '\t' -v node="$1" '$4 ~ node && $5 !~ node { lacking = 1 } END { exit lacking }'
}

# Sends a signal to all processes of nodes: broker_signal SIGNAL NODE…
broker_signal() {
  local node pid
  for node in "${@:2}"; do
    for pid in $(broker_processes "$node"); do
      kill -"$1" "$pid" 2>/dev/null || true
    done
  done
}

# Ends nodes: broker_stop TERM NODE… lets them shut down, KILL is a crash. Both leave their files.
broker_stop() {
  local node
  broker_signal "$@"
  shift
  for node; do
    wait_until 300 broker_stopped "$node" || die "the broker does not end: $(broker_processes "$node" | tr '\n' ' ')"
  done
}

broker_stopped() { ! broker_running "$1"; }

# The first node that runs.
broker_some_node() {
  local node
  for node in $(broker_nodes); do
    ! broker_running "$node" || break
  done
  printf '%s' "$node"
}

# Runs rabbitmqctl on a node: broker_control NODE ARGUMENT…
broker_control() {
  local environment
  broker_environment "$1"
  env "${environment[@]}" /usr/lib/rabbitmq/bin/rabbitmqctl "${@:2}"
}

# Prints a line for each queue: its name, its type, the node that leads it, the nodes that have a replica, and those whose
# replica is online; `-` where there is none. A classic queue is on its one node.
broker_queues() {
  broker_control "$(broker_some_node)" --quiet list_queues --no-table-headers name type pid leader members online |
    # Of names of nodes, and of processes on them, the number stays.
    sed -E "s/<?longshore-$LAB_NAME-([0-9]+)@localhost(\.[0-9.]+>)?/\1/g; s/[][]//g; s/rabbit_classic_queue/classic/" |
    awk -F '\t' -v OFS='\t' '
      function sorted(text, number, list) {
        for (number = 1; number <= 3; number++) if (text ~ number) list = list (list ? "," : "") number
        return list ? list : "-"
      }
      { print $1, $2, sorted($2 == "classic" ? $3 : $4), sorted($5), sorted($6) }' |
    sort
}

# Prints a line for each connection of a host: the node and the connection's name.
broker_connections() {
  broker_control "$(broker_some_node)" --quiet list_connections --formatter json host peer_host client_properties |
    jq --raw-output --arg address "$(host_address "$1")" '
      .[] | select((.peer_host | join(".")) == $address) |
      [.host[3], (.client_properties[] | select(.[0] == "connection_name") | .[2])] | @tsv'
}
