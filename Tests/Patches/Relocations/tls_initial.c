// Thread-local variables that are loaded with the program: their distance from the thread pointer is in slots.
// models: pic
#define INITIAL __attribute__((tls_model("initial-exec")))
extern _Thread_local int one INITIAL, two INITIAL;
int f(void) { return one++ + two; }
int *g(void) { return &one; }
