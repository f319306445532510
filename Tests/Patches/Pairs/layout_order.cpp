// rule: members that change places, in a namespace; a typedef's nameless structure that grows
// flags: -g
// changed: f(n::item*,small*)
// refused: layout n::item|item, layout small
#include "pair.h"
namespace n {
struct item {
#if PATCH
  int second, first;
#else
  int first, second;
#endif
};
}  // namespace n
typedef struct {
  char text[8 + PATCH];
} small;
int f(n::item *item, small *text) { return item->first + text->text[sizeof *text - 1]; }
