#pragma once

/*
 * --export: every decision, for a notebook.
 */

#include "common/error.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stdio.h>

/* Writes every decision ever made, oldest first, as CSV (RFC 4180, but lines end with LF) with a
 * header, or with `json` as one JSON object a line. One decision is in memory at a time. `store` may
 * be NULL: then there is none. Returns 0, or -1 with an error of the store; what the stream says of
 * itself is the caller's to ask for (ferror). */
int export_decisions(FILE *stream, struct store *store, bool json, struct error *error);
