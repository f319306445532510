// Variables and functions of this file and of others, by their addresses and by their values.
static int own[100];
int shared = 3;
static const char *const names[] = {"one", "two", "three"};
extern int elsewhere, far_away;
extern int other(int), used(int);
static __attribute__((noinline)) int local(int x) { return own[x] += x; }
int exported(int x) { return local(x) + shared; }
int f(int x) { return other(x) + exported(own[x]) + elsewhere++; }
int *g(int x) { return x ? &elsewhere : &own[x]; }
const char *h(int x) { return names[x]; }
int (*i(int x))(int) { return x == 1 ? other : x == 2 ? exported : local; }
int j(int x) { return used(x) + far_away; }
double k(double x) { return x * 2.5 + shared; }
