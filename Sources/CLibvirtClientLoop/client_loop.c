// Mends a defect of libvirt's client before 10.4 (CVE-2024-4418), with which a program that uses a connection from several threads
// can crash.
//
// A thread that waits for an answer (virnetclient.c, `virNetClientIOEventLoop`) attaches a source for the socket to the client's
// context and runs a GLib loop until the source has fired. Another thread that has something to send ends that loop early. The source
// then stays attached, with a pointer into the stack of the first thread, and fires when the next thread waits. libvirt 10.4 destroys
// the source when the loop has run. That is done here, in functions of GLib's names: a program's own go before those of its libraries
// (ld.so(8)), and libvirt calls them by name. With a libvirt that does it by itself they change nothing, as a source may be destroyed
// twice.

#define _GNU_SOURCE
#include "client_loop.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

// GLib's types, of which nothing but pointers is used: its headers are not needed.
typedef struct _GSource GSource;
typedef struct _GMainContext GMainContext;
typedef struct _GMainLoop GMainLoop;

#define EXPORTED __attribute__((visibility("default"), used))
EXPORTED unsigned g_source_attach(GSource *source, GMainContext *context);
EXPORTED void g_main_loop_run(GMainLoop *loop);

// GLib's functions, resolved once.
static struct {
  unsigned (*attach)(GSource *, GMainContext *);
  void (*run)(GMainLoop *);
  GMainContext *(*context_of_loop)(GMainLoop *);
  GMainContext *(*context_of_source)(GSource *);
  GSource *(*ref)(GSource *);
  void (*unref)(GSource *);
  int (*is_destroyed)(GSource *);
  void (*destroy)(GSource *);
} glib;
static pthread_once_t once = PTHREAD_ONCE_INIT;
// The source that the thread attached last to a context other than the default one, with a reference.
static pthread_key_t attached;

static void let_go(void *source) { glib.unref(source); }

static void resolve(void) {
  *(void **)&glib.attach = dlsym(RTLD_NEXT, "g_source_attach");
  *(void **)&glib.run = dlsym(RTLD_NEXT, "g_main_loop_run");
  *(void **)&glib.context_of_loop = dlsym(RTLD_NEXT, "g_main_loop_get_context");
  *(void **)&glib.context_of_source = dlsym(RTLD_NEXT, "g_source_get_context");
  *(void **)&glib.ref = dlsym(RTLD_NEXT, "g_source_ref");
  *(void **)&glib.unref = dlsym(RTLD_NEXT, "g_source_unref");
  *(void **)&glib.is_destroyed = dlsym(RTLD_NEXT, "g_source_is_destroyed");
  *(void **)&glib.destroy = dlsym(RTLD_NEXT, "g_source_destroy");
  pthread_key_create(&attached, let_go);
}

unsigned g_source_attach(GSource *source, GMainContext *context) {
  pthread_once(&once, resolve);
  // libvirt's own event loop runs on the default context, and keeps its sources.
  if (context != NULL) {
    GSource *earlier = pthread_getspecific(attached);
    if (pthread_setspecific(attached, source) == 0) {
      glib.ref(source);
      if (earlier != NULL) glib.unref(earlier);
    }
  }
  return glib.attach(source, context);
}

void g_main_loop_run(GMainLoop *loop) {
  pthread_once(&once, resolve);
  GSource *source = pthread_getspecific(attached);
  if (source != NULL) pthread_setspecific(attached, NULL);
  // Another library's loop may run on another context than that which the thread attached to last.
  const int is_of_loop =
      source != NULL && !glib.is_destroyed(source) && glib.context_of_source(source) == glib.context_of_loop(loop);
  glib.run(loop);
  if (is_of_loop) glib.destroy(source);
  if (source != NULL) glib.unref(source);
}

int longshore_client_loop_is_mended(void) {
  return dlsym(RTLD_DEFAULT, "g_main_loop_run") == (void *)g_main_loop_run &&
         dlsym(RTLD_DEFAULT, "g_source_attach") == (void *)g_source_attach;
}
