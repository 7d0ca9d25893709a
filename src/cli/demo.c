#include "cli/cli.h"
#include "cli/serve.h"

int demo_run(const struct args *args)
{
    struct config config;
    int code;

    if (!args_config(args, &config))
        return EXIT_USAGE;
    code = serve_config(&config, NULL);
    config_free(&config);
    return code;
}
