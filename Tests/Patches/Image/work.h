#ifdef __cplusplus
extern "C" {
#endif
int work(int x);
const char *name(int x);
double ratio(int x);
int same(int (*pointer)(int));
int sorted(void);
const char *spell(const char *text);
int chained(int x);
int twice(int x);
int chosen(int x);
#ifndef __cplusplus
extern _Thread_local int per_thread;
#endif
extern int shared;
#ifdef __cplusplus
}
#endif
