#pragma once

/*
 * A directory that several runs see and none can change: what a run writes is kept beside it.
 *
 * This needs a mount, which an ordinary user may make in name spaces of their own. So a child, this program
 * under another name, makes the name spaces and the mount, and becomes the program that makes the sandbox. It
 * keeps its user number, and has no privilege after that. The mount goes with the last process that sees it,
 * so a kill leaves nothing.
 */

#define OVERLAY_PROGRAM "winnowd-overlay" /* LOWER UPPER WORK PLACE PROGRAM ARGUMENT... */

/* Its exit status if it cannot become PROGRAM; stderr says why. */
#define OVERLAY_FAILED 125

/* Is the child: mounts `argv[1]` at `argv[4]`, with what is written in `argv[2]` over it. `argv[3]` is an
 * empty directory on the same file system as `argv[2]`. Returns OVERLAY_FAILED, or does not return. */
int overlay_main(int argc, char **argv);
