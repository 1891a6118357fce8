#pragma once

/*
 * The work on the cache (cache.h) that a child does, since there may be many files.
 *
 * The child is this program under another name. On success it prints what it did. On failure stderr says why,
 * and nothing is left of its work.
 */

/* copy FROM TO BYTES: copies the directory FROM, which has BYTES, to TO. Prints CACHE_REFLINK or CACHE_COPY.
 *
 * keep CHECKOUT FROM FOLDER NAME LIMIT: ends what still runs in CHECKOUT, and moves FROM to
 * FOLDER/NAME/files, unless it has more than LIMIT bytes. Prints CACHE_KEPT or CACHE_LARGE and its size in
 * bytes, which is also in FOLDER/NAME/size.
 *
 * keep-removed ...: does the same, and makes FOLDER/NAME/removed. */
#define CACHE_PROGRAM "winnowd-cache"

#define CACHE_REFLINK "reflink"
#define CACHE_COPY    "copy"
#define CACHE_KEPT    "kept"
#define CACHE_LARGE   "large"

/* Names in FOLDER/NAME. */
#define CACHE_FILES   "files"
#define CACHE_SIZE    "size"
#define CACHE_REMOVED "removed" /* the tests removed the directory and made another one */

/* Is the child. Returns its exit status. */
int cache_main(int argc, char **argv);
