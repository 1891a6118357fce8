#pragma once

/*
 * Where the repository of a source lies; whether it can be read is in repository.h.
 */

/* The directory that git works in: the source itself where it is a bare one, else its .git. Caller frees. */
char *source_git_dir(const char *source);
