#pragma once

/*
 * What would hold the loop up and is no program of its own: a child that is this program again, under
 * another name. Its arguments are all it gets: no configuration, no token, no environment.
 */

/* Where argv[0] is the name of such work: does it, as the least important thing on the machine, and
 * returns the exit status. Else -1. First thing in main(). */
int background_main(int argc, char **argv);
