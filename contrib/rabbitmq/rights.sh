# shellcheck shell=bash
# What Longshore's users of a broker may do, and the limits of its queues: one text for contrib/rabbitmq/setup, which tells it to
# a broker, and contrib/rabbitmq/definitions, which writes it down. Sourced, never run. Who sources it defines
#
#   permit USER CONFIGURE WRITE READ    regular expressions over the names of exchanges and queues
#   topic USER EXCHANGE WRITE READ      regular expressions over the keys to publish with and to bind with
#   policy NAME PATTERN DEFINITION PRIORITY
#
# and calls rights_policies, rights_agent and so on.

rights_policies() {
  # An inbox is never emptied by age or length: what is confirmed stays until its agent has it. A full one refuses new
  # messages, and who publishes with confirms is told.
  policy longshore-inbox '^longshore\.host\.' '{"max-length-bytes": 268435456, "overflow": "reject-publish"}' 0
  # The history of events: 30 days, at most 1 GiB. Whole segments go, so these are kept small.
  policy longshore-history '^longshore\.events\.history$' \
    '{"max-age": "30D", "max-length-bytes": 1073741824, "stream-max-segment-size-bytes": 16777216}' 0
  # Dead letters: 30 days, at most 256 MiB, the oldest go first. They may be looked at and left there as often as one likes, where
  # RabbitMQ 4 would delete a message at the twentieth time.
  policy longshore-dead-letters '^longshore\.dead-letters$' \
    '{"message-ttl": 2592000000, "max-length-bytes": 268435456, "overflow": "drop-head", "delivery-limit": 1000000}' 0
  # The queues of clients: one that does not read loses the oldest, and fills no memory.
  policy longshore-clients '^longshore\.client\.' '{"max-length-bytes": 67108864, "overflow": "drop-head"}' 0
  # Clients' queues for progress alone: what is a minute old is of no use.
  policy longshore-progress '^longshore\.client\..*\.progress$' \
    '{"message-ttl": 60000, "max-length": 10000, "overflow": "drop-head"}' 1
}

# An agent declares what is shared and its own inbox, and reads no other host's. Only agents write to the peers' exchange,
# and each writes events of its own host alone: rights_agent USER CLUSTER HOST
rights_agent() {
  local name=$1 cluster=$2 host=$3 inbox shared='longshore\.(requests|peers|replies|events|progress|dead-letters|events\.history)'
  inbox="longshore\\.host\\.$cluster\\.$host"
  permit "$name" "^($shared|$inbox)\$" \
    "^(longshore\\.(peers|replies|events|progress|dead-letters|events\\.history)|$inbox)\$" \
    "^(longshore\\.(requests|peers|events|dead-letters)|$inbox)\$"
  topic "$name" longshore.requests '^$' "^$cluster(\\.$host)?\$"
  topic "$name" longshore.peers "^$cluster(\\.[a-z0-9-]+)?\$" "^$cluster(\\.$host)?\$"
  topic "$name" longshore.events "^$cluster\\.$host\\." '^#$'
  topic "$name" longshore.progress "^$cluster\\.$host\\." '^$'
}

# Who reads has queues of its own: named by the broker (amq.gen-…) or longshore.client.<anything>.
readonly RIGHTS_OWN_QUEUES='amq\.gen-.*|longshore\.client\..*'

# Orders, and reads what is told: rights_orchestrator USER [MORE [MADE]], where MORE is what he may read besides, and MADE an exchange
# of his own that he may make and publish to.
rights_orchestrator() {
  permit "$1" "^($RIGHTS_OWN_QUEUES${3:+|$3})\$" "^($RIGHTS_OWN_QUEUES|longshore\\.requests${3:+|$3})\$" \
    "^($RIGHTS_OWN_QUEUES|longshore\\.(replies|events|progress|events\\.history${2:+|$2}))\$"
  # Nobody listens to the replies of others.
  topic "$1" longshore.replies '^$' '^(amq\.gen-|longshore\.client\.)'
}

# An orchestrator who may also read, send again and drop dead letters: rights_operator USER
rights_operator() { rights_orchestrator "$1" dead-letters; }

# An orchestrator who may also tell events as CloudStack does: rights_gateway USER
rights_gateway() { rights_orchestrator "$1" '' cloudstack-events; }

# Sees events, progress and their history: rights_monitor USER
rights_monitor() {
  permit "$1" "^($RIGHTS_OWN_QUEUES)\$" "^($RIGHTS_OWN_QUEUES)\$" \
    "^($RIGHTS_OWN_QUEUES|longshore\\.(replies|events|progress|events\\.history))\$"
  topic "$1" longshore.replies '^$' '^(amq\.gen-|longshore\.client\.)'
}

# Whether a text is a name as a cluster or a host has it: none of its characters is special in a regular expression.
rights_name() { [[ $1 =~ ^[a-z0-9-]{1,63}$ ]]; }
