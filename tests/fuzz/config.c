/* The configuration file: any bytes give a config or one sentence, and every number keeps its bounds. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/config.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64], *empty[] = { NULL };
    struct buf error = buf_heap();
    struct config config = { 0 };

    if (file < 0) {
        file = memfd_create("config", MFD_CLOEXEC);
        HOLDS(file >= 0);
        environ = empty; /* settings of the environment would speak, too */
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    }
    HOLDS(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    if (config_load(path, &config, &error)) {
        HOLDS(config.hold_seconds >= 1 && config.hold_seconds <= 86400);
        HOLDS(config.data && config.listen && config.log_level);
        HOLDS(config.max_connections > 0);
        PLANT(config.hold_seconds > 600);
        config_free(&config);
    } else {
        HOLDS(error.len > 0 && !memchr(error.data, '\n', error.len));
    }
    buf_free(&error);
    return 0;
}
