#pragma once

/*
 * The pull request's title and body, and the commit's message. Pure.
 *
 * Every text from outside is escaped: the page shows its letters and does nothing else. No mention,
 * reference, link, HTML, Markdown or closing keyword in it takes effect. It cannot close a fence or forge a
 * trailer. Bidi and zero-width characters are shown as U+XXXX.
 */

#include "config/config.h"
#include "daemon/gate.h"
#include "daemon/repository.h"
#include "daemon/result.h"
#include "daemon/validation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct description_point {
    const char *experiment_id;
    double value;
};

struct description_contained {
    const char *experiment_id; /* an earlier experiment; this one contains its measured commit */
    int64_t pull;              /* its pull request; 0: none */
    bool turned_down;          /* a person closed its pull request */
};

struct description {
    const struct result *result;
    const struct config_metric *metric;
    /* As judged when the job's turn came: the reference is the "before". */
    struct gate_verdict verdict;

    /* The metric's frontier, oldest first, without this experiment. The last 49 are drawn. */
    const struct description_point *frontier;
    size_t frontier_count;

    const char *command; /* of the validation; so are the next four */
    uint64_t duration_ms;
    const struct engine_place *place; /* NULL: on `host` */
    struct test_count tests;          /* that ran here */
    struct test_count base_tests;     /* that ran on the base */
    const char *output;               /* the last lines */
    const char *log;                  /* path of the whole output on `host`; NULL: not told */

    bool base_fails;         /* the tests fail on the base */
    bool repeated;           /* the base is flaky, and they failed here at first */
    const char *base_reason; /* why they failed on the base; NULL: they did not */

    const struct repository_file *files;
    size_t file_count;
    const char *own_diff; /* its change over the first of `contained`; NULL or "": not known */
    const char *notes;    /* what was mended in the patch to make it apply; NULL: nothing */
    const char *doubt; /* why the change may not be what was measured; NULL: no reason is known */

    const char *base_branch;
    const char *base; /* full hashes; measured is "" for a patch or a diff */
    /* The base that it was opened on, if it was refreshed since; "" or NULL: it was not. */
    const char *opened_on;
    const char *measured;
    /* What the base has of the measured commit's history under another name; "" or NULL: nothing. */
    const char *merge_base;
    bool tree_is_measured;
    const char *commit;
    const struct description_contained *contained;
    size_t contained_count;
    size_t contained_more; /* commits in between that belong to no known experiment */

    const char *host;
    const char *digest;  /* of the result file and its patch */
    const char *web_url; /* of the repository at the forge, for links; NULL: no links */
};

/* Returns "experiment: <title>", one line, at most 255 characters; the caller frees it. */
char *description_title(const struct description *description);

/* Returns the body, Markdown as Gitea renders it, at most 60,000 bytes; the caller frees it. */
char *description_body(const struct description *description);

/* Returns the commit's message with its trailers. `measured` is "%M" if it is not known yet. The
 * caller frees it. */
char *description_commit_message(const struct description *description);

/* Returns the message of a commit that merges the base into `branch`, with the same trailers. The caller
 * frees it. */
char *description_merge_message(const struct description *description, const char *branch);

/* Returns the marker, an HTML comment, that tells our own pull requests from others. Every pull request of
 * this experiment has it in its body. No text from outside can contain it. The caller frees it. */
char *description_marker(const char *experiment_id, const char *digest);

/* Reads the measured commit from the facts in a body of ours. Returns false, and sets `measured` to "", if
 * there are no facts or if they name no commit. */
bool description_find_measured(const char *body, char measured[static GIT_HASH_SIZE]);
