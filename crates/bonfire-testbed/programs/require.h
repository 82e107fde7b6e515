/* What must be so: a program says what is not, and ends. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void require(int is_so, const char *what) {
    if (!is_so) {
        fprintf(stderr, "not so: %s (errno: %s)\n", what, strerror(errno));
        _Exit(1);
    }
}

/* The call fails, and in this way. */
#define REFUSED(call, error) (errno = 0, (call) == -1 && errno == (error))
