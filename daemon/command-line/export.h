#pragma once

/*
 * --export: writes every decision, for a notebook.
 */

#include "common/error.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stdio.h>

/* Writes every decision ever made, oldest first: as CSV (RFC 4180, but lines end with LF) with a header
 * or, with `json`, as one JSON object a line. One decision is in memory at a time. `store` NULL stands
 * for an empty one. Fails if the store does. The caller checks the stream with ferror(). */
int export_decisions(FILE *stream, struct store *store, bool json, struct error *error);
