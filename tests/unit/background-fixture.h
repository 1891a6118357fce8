#pragma once

/*
 * For tests whose code starts the running program again under another name: they are that program then.
 * glibc hands the arguments of main() to what runs before it.
 */

#include "daemon/background.h"

#include <stdlib.h>

__attribute__((constructor)) static void be_background(int argc, char **argv)
{
    int status = background_main(argc, argv);

    if (status >= 0)
        exit(status);
}
