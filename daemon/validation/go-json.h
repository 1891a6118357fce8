#pragma once

/*
 * The lines of `go test -json`: each is an object, and what go test says of a package is the text of some of
 * them. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

/* Copies what such a line has go test say of a package, without its line end, to `text` of `size` bytes.
 * Returns false where it is no such line, or where the text is a test's. */
bool go_json_line(const char *line, char *text, size_t size);
