#pragma once

/*
 * Where the repository of a source is. Whether it can be read is in repository.h.
 */

/* Returns the directory that git works in: the source itself if it is bare, else its .git. The caller
 * frees it. */
char *source_git_dir(const char *source);
