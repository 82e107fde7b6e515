/* Reads, in every way that there is, the file that the first argument names, and writes it
   to standard output; the second argument is how long it is. Nothing of it can be changed. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "require.h"

int main(int count, char **arguments) {
    require(count == 3, "a file and its length are named");
    const char *name = arguments[1];
    long length = atol(arguments[2]);
    struct stat status;
    require(stat(name, &status) == 0 && S_ISREG(status.st_mode), "there is such a file");
    require(status.st_size == length, "as long as it should be");
    require(access(name, R_OK) == 0 && REFUSED(access(name, W_OK), EROFS), "it can be read, and not written");
    require(REFUSED(open(name, O_RDWR), EROFS), "not opened to be written either");
    require(REFUSED(open("/nowhere", O_RDONLY), ENOENT), "another one is not there");
    require(REFUSED(open("/nowhere", O_CREAT | O_WRONLY, 0600), EROFS), "nor can it be made");

    int file = open(name, O_RDONLY | O_CLOEXEC);
    require(file >= 0 && fstat(file, &status) == 0 && status.st_size == length, "it opens");
    char *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    require(mapped != MAP_FAILED, "it can be mapped");
    char *bytes = malloc(length);
    require(pread(file, bytes, length, 0) == length && !memcmp(bytes, mapped, length), "both are the same");
    mapped[0]++;
    require(pread(file, bytes, 1, 0) == 1 && bytes[0] != mapped[0], "what is mapped is a copy");
    require(lseek(file, -length, SEEK_END) == 0, "one can go to its beginning");
    for (long done; (done = read(file, bytes, 7)) > 0;)
        require(write(STDOUT_FILENO, bytes, done) == done, "what is read can be written");
    require(lseek(file, 0, SEEK_CUR) == length, "then one is at its end");
    return 0;
}
