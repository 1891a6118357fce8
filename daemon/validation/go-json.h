#pragma once

/*
 * Reads the lines of `go test -json`. Each is an object, and some of them contain what go test says of a
 * package. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

/* Copies what go test says of a package in such a line, without its line end, to `text` of `size` bytes.
 * Returns false if the line says nothing of a package, or has the output of a test. */
bool go_json_line(const char *line, char *text, size_t size);
