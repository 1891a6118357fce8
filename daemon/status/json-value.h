#pragma once

/*
 * Values as --status --json and --export write them. An unknown value is null. Times are UTC as in RFC 3339.
 * A number has the shortest form that reads back as the same.
 *
 * The functions return a new object, which the caller drops; NULL: json-c's null.
 */

#include <json-c/json.h>
#include <stdint.h>

struct json_object *json_text_or_null(const char *string); /* NULL and "" are null */
struct json_object *json_number_or_null(double number);    /* what is not finite is null */
struct json_object *json_count_or_null(int64_t count);     /* 0 is null */
struct json_object *json_time_or_null(int64_t at_ms);      /* milliseconds since 1970; 0 is null */

#define TIME_SIZE 48

/* Writes such a time: 2026-11-27T09:12:56.123Z. */
void time_format(char buffer[static TIME_SIZE], int64_t at_ms);
