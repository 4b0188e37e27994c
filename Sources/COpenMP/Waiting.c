// How long a thread of OpenMP's pool that waits for the others spins before it sleeps.
//
// libgomp's own choice is some 3 ms: on a machine whose cores are taken by others, the waiting threads then hold the cores
// from those they wait for, and two threads are several times slower than one. It reads the choice from the environment in
// its constructor, before main() and before any constructor of the program. Functions of the program's .preinit_array run
// earlier still, when the C library's own environment is not there yet; they get the vector itself, which has no room for
// one more. So one entry stands in for GOMP_SPINCOUNT until libgomp has read it, and is itself again before main().
//
// A choice of the user's (OMP_WAIT_POLICY or GOMP_SPINCOUNT) is left alone. With an empty environment, libgomp's stays.
#include <stddef.h>
#include <string.h>

#include "COpenMP.h"

#if defined(__linux__)
static char spins[] = "GOMP_SPINCOUNT=3000";
static char *replaced;
static char **place;

static int isSet(char **environment, const char *name) {
  const size_t length = strlen(name);
  for (; *environment; environment++) {
    if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') return 1;
  }
  return 0;
}

static void spinBriefly(int count, char **arguments, char **environment) {
  (void)count;
  (void)arguments;
  if (!environment || !*environment) return;
  if (isSet(environment, "OMP_WAIT_POLICY") || isSet(environment, "GOMP_SPINCOUNT")) return;
  // The shell's note of the program that it starts, or else the first that is not OpenMP's.
  for (char **entry = environment; *entry; entry++) {
    const int isShells = strncmp(*entry, "_=", 2) == 0;
    const int isOpenMPs = strncmp(*entry, "OMP_", 4) == 0 || strncmp(*entry, "GOMP_", 5) == 0;
    if (isShells || (!place && !isOpenMPs)) place = entry;
  }
  if (!place) return;
  replaced = *place;
  *place = spins;
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) = spinBriefly;

__attribute__((constructor(101))) static void restore(void) {
  if (place && *place == spins) *place = replaced;
}
#endif
