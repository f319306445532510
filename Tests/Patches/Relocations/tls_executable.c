// Thread-local variables of the same executable: their distance from the thread pointer is in the instructions.
// models: pie nopie
extern _Thread_local int one __attribute__((visibility("hidden"))), two __attribute__((visibility("hidden")));
extern _Thread_local char three __attribute__((visibility("hidden")));
int f(void) { return one++ + two; }
int *g(void) { return &one; }
int h(int x) { return three + (two = x); }
