#include "loop.cl"
