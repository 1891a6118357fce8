#include "daemon/description/chart.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define POINTS_DRAWN  50
#define LABEL_LIMIT   24
#define LABELS_LIMIT  80   /* letters that fit side by side below the chart, also on a phone */
#define NUMBERS_LIMIT 16   /* with more numbers, Mermaid chooses which are shown */
#define CHART_MAX     1e15 /* above this, and below its inverse, digits alone say little */

/* Two colours that can be seen on a light and on a dark page, unlike the first of Mermaid's own. And a width
 * that a phone need not shrink much: Mermaid measures letters after shrinking and draws them before, so
 * labels on the left would be cut off. The blank name of the axis leaves room for them. */
#define CONFIGURATION                                                                              \
    "    %%{init: {\"xyChart\": {\"width\": 400, \"height\": 300}, \"themeVariables\": "           \
    "{\"xyChart\": {\"plotColorPalette\": \"#2a78d6, #d9730d\"}}}}%%\n"
#define BLANK_NAME "\" \" "

struct chart {
    struct description_point points[POINTS_DRAWN];
    size_t count;
    double lowest;
    double highest;
};

static bool can_be_drawn(double value)
{
    double size = fabs(value);

    return isfinite(value) && (size == 0 || (size < CHART_MAX && size > 1 / CHART_MAX));
}

static void add_point(struct chart *chart, const char *experiment_id, double value)
{
    if (!can_be_drawn(value))
        return;
    chart->points[chart->count++] = (struct description_point){
        .experiment_id = experiment_id,
        .value = value,
    };
    chart->lowest = fmin(chart->lowest, value);
    chart->highest = fmax(chart->highest, value);
}

/* Collects the end of the frontier, or else the reference, and this experiment. */
static void collect_points(struct chart *chart, const struct description *description)
{
    size_t given = description->frontier_count;
    size_t first = given > POINTS_DRAWN - 1 ? given - (POINTS_DRAWN - 1) : 0;

    for (size_t i = first; i < given; i++) {
        const char *name = description->frontier[i].experiment_id;

        add_point(chart, name && *name ? name : "baseline", description->frontier[i].value);
    }
    if (chart->count == 0)
        add_point(chart, "before", description->verdict.reference);
    add_point(chart, description->result->experiment_id, description->result->claim.after.mean);
}

/* Appends the letters of a label that mean nothing to Mermaid. It would take others as commands. */
static void append_letters(struct text *text, const char *string)
{
    size_t count = 0;

    for (const char *at = string; *at && count < LABEL_LIMIT; at++, count++) {
        if (isalnum((unsigned char)*at) || strchr("._-", *at))
            text_append_bytes(text, at, 1);
        else
            text_append(text, "_");
    }
}

static void append_label(struct text *text, const char *string)
{
    text_append(text, "\"");
    append_letters(text, string);
    text_append(text, "\"");
}

/* Mermaid's numbers have no exponent. */
static void append_decimal(struct text *text, double number)
{
    char shortest[32];
    char decimal[64];
    size_t length;

    number_format(shortest, sizeof(shortest), number);
    if (!strpbrk(shortest, "eE")) {
        text_append(text, shortest);
        return;
    }
    length = snprintf(decimal, sizeof(decimal), "%.20f", number);
    while (decimal[length - 1] == '0')
        length--;
    text_append_bytes(text, decimal, decimal[length - 1] == '.' ? length - 1 : length);
}

/* Long names overlap, and Mermaid draws two points of one name at one place. In these cases numbers are used. */
static bool names_fit(const struct chart *chart)
{
    size_t letters = 0;

    for (size_t i = 0; i < chart->count; i++) {
        CLEANUP_TEXT struct text name = {0};

        append_letters(&name, chart->points[i].experiment_id);
        letters += name.length + 1;
        for (size_t j = 0; j < i; j++) {
            CLEANUP_TEXT struct text earlier = {0};

            append_letters(&earlier, chart->points[j].experiment_id);
            if (strcmp(text_string(&earlier), text_string(&name)) == 0)
                return false;
        }
    }
    return letters <= LABELS_LIMIT;
}

static void append_x_axis(struct text *text, const struct chart *chart)
{
    bool names = names_fit(chart);

    text_append(text, "\n    x-axis ");
    if (!names) {
        text_append_format(text, "\"the last of %zu is ", chart->count);
        append_letters(text, chart->points[chart->count - 1].experiment_id);
        text_append(text, "\" ");
    }
    if (!names && chart->count > NUMBERS_LIMIT) {
        text_append_format(text, "1 --> %zu", chart->count);
        return;
    }
    text_append(text, "[");
    for (size_t i = 0; i < chart->count; i++) {
        text_append(text, i > 0 ? ", " : "");
        if (names)
            append_label(text, chart->points[i].experiment_id);
        else
            text_append_format(text, "\"%zu\"", i + 1);
    }
    text_append(text, "]");
}

static void append_y_axis(struct text *text, const struct chart *chart)
{
    double margin = (chart->highest - chart->lowest) / 20;

    if (margin == 0)
        margin = fabs(chart->highest) / 20;
    if (margin == 0)
        margin = 1;
    text_append(text, "\n    y-axis " BLANK_NAME);
    append_decimal(text, chart->lowest - margin);
    text_append(text, " --> ");
    append_decimal(text, chart->highest + margin);
}

/* Appends the line of the values; with `level`, a straight line at the last value. */
static void append_line(struct text *text, const struct chart *chart, bool level)
{
    text_append(text, "\n    line [");
    for (size_t i = 0; i < chart->count; i++) {
        text_append(text, i > 0 ? ", " : "");
        append_decimal(text, chart->points[level ? chart->count - 1 : i].value);
    }
    text_append(text, "]");
}

void description_append_chart(struct text *text, const struct description *description)
{
    struct chart chart = {.lowest = INFINITY, .highest = -INFINITY};

    collect_points(&chart, description);
    if (chart.count == 0)
        return;
    text_append(text, "\n```mermaid\nxychart-beta\n    title ");
    append_label(text, description->result->metric);
    append_x_axis(text, &chart);
    append_y_axis(text, &chart);
    append_line(text, &chart, false);
    append_line(text, &chart, true);
    text_append(text, "\n" CONFIGURATION "```\n");
}
