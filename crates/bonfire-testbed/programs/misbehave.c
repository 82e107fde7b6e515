/* A program that goes wrong in the way that its first argument names. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments) {
    const char *how = count > 1 ? arguments[1] : "";
    if (!strcmp(how, "fault"))
        *(volatile int *)8 = 1;
    if (!strcmp(how, "illegal"))
        __builtin_trap();
    if (!strcmp(how, "loop"))
        for (;;)
            __asm__ volatile("");
    if (!strcmp(how, "exhaust"))
        for (;;)
            memset(malloc(1 << 20), 1, 1 << 20);
    if (!strcmp(how, "fork"))
        for (;;)
            if (fork() < 0)
                return 3;
    if (!strcmp(how, "zombies"))
        for (;;) {
            long child = fork();
            if (child < 0)
                return 3;
            if (child == 0)
                _exit(0);
        }
    if (!strcmp(how, "areas")) {
        long pages = 1 << 19;
        char *memory = mmap(NULL, pages * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (long page = 0; page < pages; page += 2)
            if (mprotect(memory + page * 4096, 4096, PROT_NONE))
                return 3;
    }
    if (!strcmp(how, "pipes")) {
        static char bytes[1 << 16];
        int ends[2];
        for (;;)
            if (pipe(ends) || write(ends[1], bytes, sizeof bytes) != sizeof bytes)
                return 3;
    }
    if (!strcmp(how, "unserved"))
        for (int i = 0; i < 5; i++)
            syscall(SYS_swapon, "", 0);
    if (!strcmp(how, "status"))
        return count > 2 ? atoi(arguments[2]) : 0;
    return 0;
}
