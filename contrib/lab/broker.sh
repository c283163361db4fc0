# shellcheck shell=bash
# The lab's RabbitMQ: its node, ports, files and Erlang port mapper are the lab's own, so that it meets neither the
# machine's broker nor another lab's.

broker_folder() { printf '%s/broker' "$LAB_STATE"; }
broker_address() { printf '%s:%s' "$(lab_gateway)" "$(broker_port)"; }
broker_url() { printf 'amqp://longshore:longshore@%s/%%2f' "$(broker_address)"; }
# The same broker with TLS, as the machine reaches it. Its certificate is for this name alone.
broker_tls_url() {
  printf 'amqps://longshore:longshore@localhost:%s/%%2f?cacertfile=%s' "$(broker_tls_port)" "$(broker_folder)/tls/ca.pem"
}
broker_running() { [[ -n $(broker_processes) ]]; }

# The broker's processes: the one that was started is a script, the broker itself another of its process group.
broker_processes() {
  local leader pid
  read -r leader _ 2>/dev/null <"$(broker_folder)/broker.pid" || return 0
  for pid in $(pgrep --pgroup "$leader" || true); do
    ! grep -qzxF "$LAB_MARK=$LAB_STATE" "/proc/$pid/environ" 2>/dev/null || printf '%s\n' "$pid"
  done
}

# Sets the array `environment`: what makes RabbitMQ's programs use the lab's files and ports. The wrappers in /usr/sbin
# change the user and drop the environment, so the programs are run from their own folder.
broker_environment() {
  local folder
  folder=$(broker_folder)
  environment=(
    HOME="$folder"
    ERL_CRASH_DUMP="$folder/erl_crash.dump"
    ERL_EPMD_ADDRESS=127.0.0.1
    ERL_EPMD_PORT="$(broker_epmd_port)"
    RABBITMQ_NODENAME="longshore-$LAB_NAME@localhost"
    RABBITMQ_DIST_PORT="$(broker_distribution_port)"
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

# Starts the broker unless it runs, and waits until it takes connections.
broker_start() {
  local folder
  folder=$(broker_folder)
  broker_running && return
  mkdir -p "$folder"
  chmod 700 "$folder"
  broker_certify
  : >"$folder/rabbitmq-env.conf"
  printf '[].\n' >"$folder/enabled_plugins"
  printf '[].\n' >"$folder/advanced.config"
  cat >"$folder/rabbitmq.conf" <<END
listeners.tcp.loopback = 127.0.0.1:$(broker_port)
listeners.tcp.lab = $(broker_address)
listeners.ssl.loopback = 127.0.0.1:$(broker_tls_port)
ssl_options.cacertfile = $folder/tls/ca.pem
ssl_options.certfile = $folder/tls/server.pem
ssl_options.keyfile = $folder/tls/server.key
loopback_users = none
default_user = longshore
default_pass = longshore
default_user_tags.administrator = true
disk_free_limit.absolute = 50MB
END
  cat >"$LAB_STATE/broker.env" <<END
LONGSHORE_BROKER=$(broker_url)
LONGSHORE_BROKER_ADDRESS=$(broker_address)
LONGSHORE_BROKER_USERNAME=longshore
LONGSHORE_BROKER_PASSWORD=longshore
END
  local environment
  broker_environment
  run_marked "${environment[@]}" setsid --fork \
    bash "$LAB_SOURCE/daemon" "$folder/broker" /usr/lib/rabbitmq/bin/rabbitmq-server
  wait_until 90 broker_answers ||
    die "the broker does not answer on $(broker_address); its output: $folder/broker.log"
}

# Makes an authority of the lab's own, and the broker's key and certificate.
broker_certify() {
  local folder
  folder=$(broker_folder)/tls
  [[ ! -f $folder/server.pem ]] || return 0
  mkdir -p "$folder"
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
      -subj "/CN=Longshore lab $LAB_NAME" -keyout "$folder/ca.key" -out "$folder/ca.pem"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
      -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
      -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -keyout "$folder/server.key" -out "$folder/server.pem.new"
  } 2>"$folder/openssl.log" || die "no certificate for the broker: $(<"$folder/openssl.log")"
  mv "$folder/server.pem.new" "$folder/server.pem"
}

broker_answers() {
  # shellcheck disable=SC2034  # the connection ends with the subshell
  (exec {connection}<>"/dev/tcp/$(lab_gateway)/$(broker_port)") 2>/dev/null
}

# Ends the broker: broker_stop TERM lets it shut down, KILL is a crash. Both leave its files.
broker_stop() {
  local pid
  for pid in $(broker_processes); do
    kill -"$1" "$pid" 2>/dev/null || true
  done
  wait_until 60 broker_stopped || die "the broker does not end: $(broker_processes | tr '\n' ' ')"
}

broker_stopped() { ! broker_running; }

# Runs rabbitmqctl on the lab's broker.
broker_control() {
  local environment
  broker_environment
  env "${environment[@]}" /usr/lib/rabbitmq/bin/rabbitmqctl "$@"
}
