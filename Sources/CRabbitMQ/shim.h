#pragma once
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#include <rabbitmq-c/ssl_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <amqp_ssl_socket.h>
#endif
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/// `amqp_login_with_properties` for SASL PLAIN. Swift does not import variadic functions.
static inline amqp_rpc_reply_t rabbitmq_login_plain(amqp_connection_state_t state, const char *vhost, int channel_max,
                                                    int frame_max, int heartbeat, const amqp_table_t *properties,
                                                    const char *user, const char *password) {
  return amqp_login_with_properties(state, vhost, channel_max, frame_max, heartbeat, properties, AMQP_SASL_METHOD_PLAIN,
                                    user, password);
}

/// `amqp_login_with_properties` for SASL EXTERNAL: the broker takes the user from the certificate that it was shown.
static inline amqp_rpc_reply_t rabbitmq_login_external(amqp_connection_state_t state, const char *vhost, int channel_max,
                                                       int frame_max, int heartbeat, const amqp_table_t *properties,
                                                       const char *user) {
  return amqp_login_with_properties(state, vhost, channel_max, frame_max, heartbeat, properties,
                                    AMQP_SASL_METHOD_EXTERNAL, user);
}

/// Has OpenSSL itself match the broker's certificate with `name`, a DNS name or an IP address. librabbitmq's own check
/// knows neither IP addresses nor a name other than the one connected to. Returns 1 on success, as OpenSSL does.
static inline int rabbitmq_ssl_expect_name(amqp_socket_t *socket, const char *name) {
  X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param((SSL_CTX *)amqp_ssl_socket_get_context(socket));
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1) {
    return 1;
  }
  return X509_VERIFY_PARAM_set1_host(parameters, name, 0);
}

/// Trusts the certificate authorities of the operating system. Returns 1 on success, as OpenSSL does.
static inline int rabbitmq_ssl_trust_system(amqp_socket_t *socket) {
  return SSL_CTX_set_default_verify_paths((SSL_CTX *)amqp_ssl_socket_get_context(socket));
}
