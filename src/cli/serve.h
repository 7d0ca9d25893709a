/* serve.h - running the server, for `serve` and `demo`. */
#ifndef USHER_CLI_SERVE_H
#define USHER_CLI_SERVE_H

#include "base/app.h"

/* Open, run `prepare` (NULL: none; anything but EXIT_DONE ends it there), serve until SIGTERM, close. The exit code. */
int serve_config(const struct config *config, int (*prepare)(struct app *app));

#endif
