/*
 * append.c - what the disk allows: append SIZE bytes to FILE and fdatasync, one after the other, for SECONDS.
 *
 *     append FILE SIZE SECONDS
 *
 * Prints one line of JSON: appends a second, and the median and 99th percentile in microseconds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    enum { MOST = 1 << 20 };
    int64_t *took = malloc(MOST * sizeof(*took)), begin, end;
    size_t size, count = 0;
    char *block;
    int fd;

    if (argc != 4 || !took) {
        fprintf(stderr, "usage: append FILE SIZE SECONDS\n");
        return 2;
    }
    size = strtoul(argv[2], NULL, 10);
    block = malloc(size ? size : 1);
    fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || !block) {
        perror(argv[1]);
        return 1;
    }
    memset(block, 'x', size);
    begin = now_us();
    end = begin + (int64_t)(atof(argv[3]) * 1e6);
    while (count < MOST && now_us() < end) {
        int64_t from = now_us();

        if (write(fd, block, size) != (ssize_t)size || fdatasync(fd)) {
            perror(argv[1]);
            return 1;
        }
        took[count++] = now_us() - from;
    }
    end = now_us();
    if (count == 0)
        return 1;
    qsort(took, count, sizeof(*took), by_size);
    printf("{\"rps\":%.1f,\"p50\":%" PRId64 ",\"p99\":%" PRId64 "}\n", (double)count / ((double)(end - begin) / 1e6), took[count / 2], took[count * 99 / 100]);
    close(fd);
    free(block);
    free(took);
    return 0;
}
