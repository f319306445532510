// rule: labels that an assembler keeps in sections that are no part of the process, merged strings among them, name nothing
// flags: -g -Wa,--keep-locals
// compilers: gcc
// changed: f
struct pair { int first, second; };
int f(struct pair *p) { return p->first + PATCH; }
const char *g(void) { return "a string"; }
