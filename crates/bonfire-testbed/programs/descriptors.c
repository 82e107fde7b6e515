/* Descriptors: pipes, numbers to wait for, memory files; copies of them, waiting for several
   of them, what a new image finds. Says "ok" at the end, on Linux as here. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "require.h"

static void *write_late(void *descriptor) {
    usleep(20000);
    require(write(*(int *)descriptor, "late", 4) == 4, "a pipe takes bytes");
    return NULL;
}

static void pipes(void) {
    int ends[2];
    char bytes[8];
    require(pipe2(ends, O_CLOEXEC) == 0, "there is a pipe");
    require(fcntl(ends[0], F_GETFD) == FD_CLOEXEC, "it ends with this image");

    struct iovec out[] = { { "one", 3 }, { "two", 3 } };
    struct iovec in[] = { { bytes, 2 }, { bytes + 2, 6 } };
    require(writev(ends[1], out, 2) == 6 && readv(ends[0], in, 2) == 6, "parts go through");
    require(!memcmp(bytes, "onetwo", 6), "in their order");

    pthread_t writer;
    pthread_create(&writer, NULL, write_late, &ends[1]);
    struct pollfd wish = { ends[0], POLLIN, 0 };
    require(poll(&wish, 1, 0) == 0, "nothing is there yet");
    require(poll(&wish, 1, -1) == 1 && wish.revents == POLLIN, "one waits until something is");
    require(read(ends[0], bytes, 8) == 4, "and reads it");
    pthread_join(writer, NULL);

    require(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, "reads can be told not to wait");
    require(REFUSED(read(ends[0], bytes, 1), EAGAIN), "then they do not");
    require(REFUSED(write(ends[0], bytes, 1), EBADF), "nobody writes to the reader's end");
    require(REFUSED(lseek(ends[0], 0, SEEK_SET), ESPIPE), "a pipe has no places");

    int copy = dup(ends[1]);
    require(copy >= 0 && fcntl(copy, F_GETFD) == 0, "a copy stays for a new image");
    close(ends[1]);
    require(REFUSED(read(ends[0], bytes, 1), EAGAIN), "a copy keeps the end open");
    close(copy);
    require(read(ends[0], bytes, 1) == 0, "without a writer it is over");
    require(poll(&wish, 1, 100) == 1 && wish.revents == POLLHUP, "which can be seen");
    close(ends[0]);
}

static void broken_pipe(void) {
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    require(pipe(ends) == 0, "there is another pipe");
    close(ends[0]);
    struct pollfd wish = { ends[1], POLLOUT, 0 };
    require(poll(&wish, 1, 0) == 1 && wish.revents & POLLERR, "a writer sees that nobody reads");
    require(REFUSED(write(ends[1], "x", 1), EPIPE), "and cannot write");
    close(ends[1]);
}

static void counters(void) {
    uint64_t value = 5;
    int counter = eventfd(0, EFD_NONBLOCK), semaphore = eventfd(2, EFD_SEMAPHORE);
    require(REFUSED(read(counter, &value, 8), EAGAIN), "nothing was added");
    require(write(counter, &value, 8) == 8 && write(counter, &value, 8) == 8, "one adds");
    require(read(counter, &value, 8) == 8 && value == 10, "a read takes all");
    require(read(semaphore, &value, 8) == 8 && value == 1, "of a semaphore, one");
    value = UINT64_MAX - 1;
    require(write(counter, &value, 8) == 8, "there is room up to a limit");
    value = 1;
    require(REFUSED(write(counter, &value, 8), EAGAIN), "and no more");
    require(REFUSED(read(counter, &value, 4), EINVAL), "all of it or nothing");
    struct pollfd both[] = { { counter, POLLIN | POLLOUT, 0 }, { semaphore, POLLIN | POLLOUT, 0 } };
    require(poll(both, 2, 0) == 2, "both are ready");
    require(both[0].revents == POLLIN && both[1].revents == (POLLIN | POLLOUT), "each in its way");
    close(counter);
    both[0].fd = -1;
    require(poll(both, 1, 0) == 0, "a negative number is not asked");
    both[0].fd = counter;
    require(poll(both, 1, 0) == 1 && both[0].revents == POLLNVAL, "one that is closed is told");
    close(semaphore);
}

static void memory_files(void) {
    char bytes[8] = { 0 };
    int file = memfd_create("some", MFD_CLOEXEC);
    require(pwrite(file, "hello", 5, 4094) == 5, "a file takes bytes where they are put");
    require(lseek(file, 0, SEEK_END) == 4099, "and is so long");
    require(pread(file, bytes, 8, 4095) == 4 && !memcmp(bytes, "ello", 4), "and gives them back");
    char *mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    require(mapped != MAP_FAILED && !memcmp(mapped + 4094, "hello", 5), "and can be mapped");
    mapped[0] = 'x';
    require(lseek(file, 0, SEEK_SET) == 0 && read(file, bytes, 1) == 1 && bytes[0] == 'x', "memory is the file");
    munmap(mapped, 8192);
    close(file);
}

static void copies(void) {
    int ends[2];
    require(pipe(ends) == 0, "there is one more");
    require(dup2(ends[1], 100) == 100 && dup2(100, 100) == 100, "a copy has the number that one wants");
    require(REFUSED(dup3(100, 100, 0), EINVAL), "but not its own");
    require(dup3(ends[1], 101, O_CLOEXEC) == 101 && fcntl(101, F_GETFD) == FD_CLOEXEC, "and may end here");
    require(fcntl(ends[1], F_DUPFD, 200) == 200, "or be the next from one on");
    require(REFUSED(dup(999), EBADF), "there is no copy of nothing");
    for (int number = 100; number <= 200; number++)
        close(number);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    pipes();
    broken_pipe();
    counters();
    memory_files();
    copies();
    puts("ok");
    return 0;
}
