#pragma once

/*
 * Work that would block the loop, and for which there is no program. A child does it: this program again,
 * under another name, at the lowest priority if nobody waits for it. The child gets its arguments and nothing
 * else: no configuration, no token, no environment.
 */

/* Does the work that argv[0] names and returns its exit status; -1: it names none. main() calls this first. */
int background_main(int argc, char **argv);
