// What `contrib/bench bus` compares the AMQP library with: the same work as a plain loop over librabbitmq, with one connection and
// one channel. Publishes messages with confirms to a quorum queue of its own, then reads and acknowledges them, and prints how
// long each took, in seconds.
//
// Usage: bus HOST PORT USER PASSWORD QUEUE MESSAGES SIZE WINDOW

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static amqp_connection_state_t connection;

static void fail(const char *what) {
  fprintf(stderr, "bus: cannot %s\n", what);
  exit(1);
}

static void check(const char *what) {
  if (amqp_get_rpc_reply(connection).reply_type != AMQP_RESPONSE_NORMAL) fail(what);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Waits for the next confirm, and returns up to which message the broker has confirmed.
static uint64_t wait_for_confirm(void) {
  amqp_frame_t frame;
  for (;;) {
    amqp_maybe_release_buffers(connection);
    if (amqp_simple_wait_frame(connection, &frame) != AMQP_STATUS_OK) fail("read a confirm");
    if (frame.frame_type != AMQP_FRAME_METHOD) continue;
    if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) fail("publish: the broker says something else");
    const amqp_basic_ack_t *ack = frame.payload.method.decoded;
    return ack->multiple ? ack->delivery_tag : 0;
  }
}

static void publish(const char *queue, uint64_t messages, size_t size, uint64_t window) {
  amqp_confirm_select(connection, 1);
  check("turn confirms on");
  char *body = malloc(size);
  if (body == NULL) fail("get memory");
  memset(body, 'x', size);
  amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
  // Confirms come one by one or for all up to a tag: the highest tag of those counts, and how many came singly after it.
  uint64_t published = 0, confirmed = 0, singly = 0;
  while (confirmed + singly < messages) {
    while (published < messages && published - confirmed - singly < window) {
      if (amqp_basic_publish(connection, 1, amqp_empty_bytes, amqp_cstring_bytes(queue), 1, 0, &properties,
                             (amqp_bytes_t){.len = size, .bytes = body}) != AMQP_STATUS_OK) {
        fail("publish");
      }
      published++;
    }
    const uint64_t tag = wait_for_confirm();
    if (tag == 0) {
      singly++;
    } else if (tag > confirmed + singly) {
      confirmed = tag;
      singly = 0;
    }
  }
  free(body);
}

static void consume(const char *queue, uint64_t messages, uint16_t window) {
  amqp_basic_qos(connection, 1, 0, window, 0);
  check("set the prefetch");
  amqp_basic_consume(connection, 1, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  check("consume");
  for (uint64_t read = 0; read < messages; read++) {
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(connection);
    if (amqp_consume_message(connection, &envelope, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL) fail("read a message");
    if (amqp_basic_ack(connection, 1, envelope.delivery_tag, 0) != AMQP_STATUS_OK) fail("acknowledge");
    amqp_destroy_envelope(&envelope);
  }
}

int main(int count, char **arguments) {
  if (count != 9) {
    fprintf(stderr, "Usage: bus HOST PORT USER PASSWORD QUEUE MESSAGES SIZE WINDOW\n");
    return 64;
  }
  const char *queue = arguments[5];
  const uint64_t messages = strtoull(arguments[6], NULL, 10), window = strtoull(arguments[8], NULL, 10);
  connection = amqp_new_connection();
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  if (socket == NULL || amqp_socket_open(socket, arguments[1], atoi(arguments[2])) != AMQP_STATUS_OK) fail("connect");
  if (amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, arguments[3], arguments[4]).reply_type !=
      AMQP_RESPONSE_NORMAL) {
    fail("log in");
  }
  amqp_channel_open(connection, 1);
  check("open a channel");
  amqp_table_entry_t type = {.key = amqp_cstring_bytes("x-queue-type"),
                             .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("quorum")}};
  amqp_queue_declare(connection, 1, amqp_cstring_bytes(queue), 0, 1, 0, 0, (amqp_table_t){.num_entries = 1, .entries = &type});
  check("declare the queue");
  const double began = now();
  publish(queue, messages, strtoul(arguments[7], NULL, 10), window);
  const double published = now();
  consume(queue, messages, (uint16_t)window);
  const double delivered = now();
  printf("published %f delivered %f\n", published - began, delivered - published);
  amqp_queue_delete(connection, 1, amqp_cstring_bytes(queue), 0, 0);
  amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
  amqp_destroy_connection(connection);
  return 0;
}
