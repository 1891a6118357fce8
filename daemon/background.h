#pragma once

/*
 * Work that would block the loop and for which there is no program. It is done by a child that is this
 * program again, under another name, at the lowest priority if nobody waits for it. The child gets its
 * arguments and nothing else: no configuration, no token, no environment.
 */

/* If argv[0] is the name of such work, does it and returns the exit status; else
 * returns -1. main() calls this first. */
int background_main(int argc, char **argv);
