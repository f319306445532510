// Variables and functions as each compiler takes them.
#include "globals.h"
