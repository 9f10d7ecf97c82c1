/* The headers alone, as C99 -pedantic and as C++11; compiled, not run. */
#include "spinel_dlpack.h"

int spinel_header_test(void);
int spinel_header_test(void) { return (int)sizeof(spinel_tensor) + SPINEL_OK; }
