
#include "nowhere.clh"
