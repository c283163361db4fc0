#pragma once
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

// What OpenSSL has as macros, which Swift does not see.

// TLS 1.2 and later, without renegotiation and without compression.
static inline int tls_context_harden(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

static inline size_t tls_pending(BIO *bio) { return BIO_ctrl_pending(bio); }
