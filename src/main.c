/* main.c - `usher`; everything it can do is in cli/cli.c's table. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
