#include "daemon/status/json-value.h"

#include "common/text.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

struct json_object *json_text_or_null(const char *string)
{
    return string && *string ? json_object_new_string(string) : NULL;
}

struct json_object *json_number_or_null(double number)
{
    char digits[32];

    if (!isfinite(number))
        return NULL;
    number_format(digits, sizeof(digits), number);
    return json_object_new_double_s(number, digits);
}

struct json_object *json_count_or_null(int64_t count)
{
    return count ? json_object_new_int64(count) : NULL;
}

struct json_object *json_time_or_null(int64_t at_ms)
{
    char when[TIME_SIZE];

    if (!at_ms)
        return NULL;
    time_format(when, at_ms);
    return json_object_new_string(when);
}

void time_format(char buffer[static TIME_SIZE], int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    char day[32];
    struct tm utc;

    gmtime_r(&at, &utc);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(buffer, TIME_SIZE, "%s.%03dZ", day, (int)(at_ms % 1000));
}
