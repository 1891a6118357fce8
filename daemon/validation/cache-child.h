#pragma once

/*
 * The work on the cache (see cache.h) that a child does, since there may be many files.
 *
 * The child is this program under another name. On success it says on stdout what it did. On failure stderr
 * says why, and nothing is left of what it began.
 */

/* copy FROM TO BYTES: copies the directory FROM, in which there are BYTES. Says CACHE_REFLINK or CACHE_COPY.
 *
 * keep CHECKOUT FROM FOLDER NAME LIMIT: ends what still runs in CHECKOUT, and moves FROM to FOLDER/NAME/files
 * as a whole, unless it has more than LIMIT bytes. Says CACHE_KEPT or CACHE_LARGE, and how many bytes it has.
 * FOLDER/NAME/size says that, too.
 *
 * keep-removed ...: the same, and makes FOLDER/NAME/removed. */
#define CACHE_PROGRAM "winnowd-cache"

#define CACHE_REFLINK "reflink"
#define CACHE_COPY    "copy"
#define CACHE_KEPT    "kept"
#define CACHE_LARGE   "large"

/* Names in FOLDER/NAME. */
#define CACHE_FILES   "files"
#define CACHE_SIZE    "size"
#define CACHE_REMOVED "removed" /* the tests removed the directory and made another one */

/* The child. Returns its exit status. */
int cache_main(int argc, char **argv);
