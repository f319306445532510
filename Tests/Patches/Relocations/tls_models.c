// Thread-local variables of elsewhere, in code for libraries.
// models: pic
extern _Thread_local int one, two;
extern _Thread_local int three __attribute__((visibility("hidden"))), four __attribute__((visibility("hidden")));
extern _Thread_local long five __attribute__((tls_model("local-dynamic"), visibility("hidden")));
int f(void) { return one++ + two; }
int *g(void) { return &three; }
int h(int x) { return three + (four = x); }
long i(void) { return five; }
