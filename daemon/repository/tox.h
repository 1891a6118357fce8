#pragma once

/*
 * What tox would take for its orders in a pyproject.toml or a setup.cfg.
 *
 * An experiment may add a dependency to these files but not tell tox what to run. So the parts that
 * tox reads are cut out of the old and the new file and compared. Where the reading is in doubt (a
 * file that is no TOML, a key spelled with escapes) the doubtful part counts as tox's. Pure.
 */

#include "common/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether all of a file is tox's: its orders in tox.toml, the code that tox 4 runs as a plugin of its own,
 * and the environments below .tox, which it takes as they are where it finds them made. (tox.ini is left
 * to change.protect.) */
bool tox_owns(const char *path);

/* Whether a path is a file in which tox looks for orders besides tox.ini. */
bool tox_reads(const char *path);

/* Appends the parts of pyproject.toml that belong to [tool.tox]: its keys, subtables, and every
 * other spelling of them. Nothing is appended where there are none. */
void tox_orders_toml(struct text *orders, const char *bytes, size_t length);

/* The same of setup.cfg: the sections tox:… and testenv…, and all of it where these refer to others. */
void tox_orders_ini(struct text *orders, const char *bytes, size_t length);

/* Whether the orders of a file differ between two versions; a version that is not there is NULL. */
bool tox_orders_differ(const char *path, const char *old, size_t old_length, const char *new,
                       size_t new_length);
