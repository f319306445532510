// library: libplugin_a.so gcc -O2 -shared -fPIC -DPART=1
// library: libplugin_b.so gcc -O2 -shared -fPIC -DPART=2
// build: gcc -O2 -pthread
// also[clang]: clang -O2 -pthread
// counts: listed
// opens: libplugin_a.so=40 libplugin_b.so=20
// calls: main=1 use=60 callback=600 plugin=120 made=60 gone=60 recurse=660
// Libraries opened and closed again and again, while another thread calls: their constructors are traced before they
// run, what stood at their addresses is forgotten, the same library may come back elsewhere, another one there.
#ifndef PART
#define PART 0
#endif
#include "hard.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

typedef uint64_t callback_type(uint64_t);

#if PART
static uint64_t state;

__attribute__((constructor)) TRACED void made(void) {
  state = PART * 100;
}

__attribute__((destructor)) TRACED void gone(void) {
  state = 0;
}

static TRACED uint64_t recurse(int depth, uint64_t x, callback_type *callback) {
  if (depth == 0) return x;
  x = recurse(depth - 1, mix(x, callback(x)), callback);
  KEEP;
  return x + PART;
}

TRACED uint64_t plugin(int depth, uint64_t x, callback_type *callback) {
  uint64_t result = depth ? recurse(depth, x, callback) : state;
  KEEP;
  return result + state;
}
#else
TRACED uint64_t callback(uint64_t x) {
  KEEP;
  return x * 47 + 1;
}

static char directory[4096];

TRACED uint64_t use(const char *name, uint64_t x) {
  char path[8192];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) fprintf(stderr, "%s\n", dlerror());
  REQUIRE(library);
  uint64_t (*plugin)(int, uint64_t, callback_type *) = (uint64_t (*)(int, uint64_t, callback_type *))dlsym(library, "plugin");
  REQUIRE(plugin);
  x = plugin(10, x, callback) + plugin(0, x, callback);
  REQUIRE(!dlclose(library));
  return x;
}

static volatile int stop;

UNTRACED static void *idle(void *argument) {
  while (!stop) usleep(1000);
  return argument;
}

int main(void) {
  ssize_t length = readlink("/proc/self/exe", directory, sizeof directory - 1);
  REQUIRE(length > 0);
  directory[length] = 0;
  *strrchr(directory, '/') = 0;
  pthread_t id;
  REQUIRE(!pthread_create(&id, NULL, idle, NULL));
  uint64_t sum = 0;
  for (int i = 0; i < 60; i++) {
    sum = use(i % 3 ? "libplugin_a.so" : "libplugin_b.so", sum);
    if (i % 20 == 19) printf("%016lx\n", sum);
  }
  stop = 1;
  REQUIRE(!pthread_join(id, NULL));
  return 0;
}
#endif
