#pragma once

/*
 * --export: writes every decision, for a notebook.
 */

#include "common/error.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stdio.h>

/* Writes every decision ever made, oldest first: as CSV (RFC 4180, but lines end with LF) with a header or,
 * with `json`, as one JSON object per line. One decision is in memory at a time. `store` NULL means an empty
 * store. The caller checks the stream with ferror(). Fails if the store does. */
int export_decisions(FILE *stream, struct store *store, bool json, struct error *error);
