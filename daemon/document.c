#include "daemon/document.h"

#include "common/memory.h"
#include "common/secret.h"
#include "daemon/description.h"
#include "daemon/description/comment.h"
#include "daemon/job.h"
#include "daemon/store/job.h"
#include "daemon/store/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINT_LIMIT 49 /* this experiment is the fiftieth point of the chart */

static struct description describe(const struct job *job)
{
    return (struct description){
        .result = job->result,
        .metric = job_metric(job),
        .verdict = job->verdict,
        .command = job->found.tests.command,
        .duration_ms = job->found.tests.duration_ms,
        .place = job->found.tests.place.attempt ? &job->found.tests.place : NULL,
        .tests = job->found.tests.count,
        .base_tests = job->found.tests.base_count,
        .output = job->found.tests.output,
        .log = job->found.tests.log,
        .base_fails = job->found.tests.base == BASE_FAILED,
        .base_reason = job->found.tests.base_reason,
        .repeated = job->found.tests.repeated,
        .files = job->found.change.files,
        .file_count = job->found.change.file_count,
        .own_diff = job->found.change.own_diff,
        .notes = job->found.change.notes,
        .doubt = job->found.change.doubt,
        .base_branch = job->services->config->forge.base,
        .base = job->found.branch.base,
        .opened_on = job->opened_on,
        .measured = job->found.change.measured,
        .merge_base = strcmp(job->found.change.merge_base, job->found.branch.base) != 0
                          ? job->found.change.merge_base
                          : "",
        .tree_is_measured = job->found.change.tree_is_measured,
        .commit = job->found.change.commit,
        .host = job->services->host,
        .digest = job->row->digest,
        .web_url = job->services->forge->web_url,
    };
}

char *document_message(const struct job *job)
{
    struct description description = describe(job);
    char *message;

    description.measured = job->result->change == RESULT_CHANGE_COMMIT ? "%M" : "";
    message = job_refreshes(job) ? description_merge_message(&description, job->branch)
                                 : description_commit_message(&description);
    secret_scrub(message);
    return message;
}

/* The points that count, for the chart. The strings are the store's. */
struct points {
    struct store_point *items;
    size_t count;
    struct description_point shown[POINT_LIMIT];
};

static int read_points(const struct job *job, struct points *points, struct error *error)
{
    if (store_frontier_history(job->services->store, job->row->metric, job->row->scope,
                               job_refreshes(job) ? job->row->id : 0, POINT_LIMIT, &points->items,
                               &points->count, error) < 0)
        return -1;
    for (size_t i = 0; i < points->count; i++)
        points->shown[i] = (struct description_point){
            .experiment_id = points->items[i].experiment_id,
            .value = points->items[i].value,
        };
    return 0;
}

static void points_clear(struct points *points)
{
    store_points_free(points->items, points->count);
}

struct contained {
    struct description_contained *items;
    size_t count;
    size_t more;
};

static void contained_clear(struct contained *contained)
{
    for (size_t i = 0; i < contained->count; i++)
        free((char *)contained->items[i].experiment_id);
    free(contained->items);
}

/* Finds which commits below the measured one are of experiments that are not merged yet. */
static int find_contained(const struct job *job, struct contained *contained, struct error *error)
{
    const struct repository_change *change = &job->found.change;

    contained->items = memory_new_array(change->contained_count, sizeof(*contained->items));
    for (size_t i = 0; i < change->contained_count; i++) {
        char *experiment_id;
        int64_t pull;
        bool closed;

        if (store_find_measured(job->services->store, change->contained[i], &experiment_id, &pull,
                                &closed, error) < 0)
            return -1;
        if (experiment_id)
            contained->items[contained->count++] = (struct description_contained){
                .experiment_id = experiment_id, .pull = pull, .turned_down = closed};
        else
            contained->more++;
    }
    return 0;
}

int document_write(struct job *job, struct error *error)
{
    CLEANUP(points_clear) struct points points = {0};
    CLEANUP(contained_clear) struct contained contained = {0};
    struct description description;
    struct job_findings *found = &job->found;

    if (job_load_result(job, error) < 0)
        return -1;
    description = describe(job);
    if (read_points(job, &points, error) < 0 || find_contained(job, &contained, error) < 0)
        return -1;
    description.frontier = points.shown;
    description.frontier_count = points.count;
    description.contained = contained.items;
    description.contained_count = contained.count;
    description.contained_more = contained.more;
    free(found->text.title);
    free(found->text.body);
    found->text.title = description_title(&description);
    found->text.body = description_body(&description);
    found->text.reference = job->verdict.reference;
    found->text.threshold = job->verdict.threshold;
    secret_scrub(found->text.title);
    secret_scrub(found->text.body); /* it also has the output of the tests */
    return 0;
}

char *document_refreshed(const struct job *job)
{
    struct description description = describe(job);
    char *comment = comment_refreshed(&(struct comment_refreshed){
        .description = &description,
        .replays = job->services->config->forge.kind == FORGE_GITEA,
        .title_stays = job->found.refresh.title_stays,
        .body_stays = job->found.refresh.body_stays,
    });

    secret_scrub(comment);
    return comment;
}

char *document_stale(const struct job *job)
{
    struct description description = describe(job);
    char *comment = comment_stale(&description, job->record.reason);

    secret_scrub(comment);
    return comment;
}

void document_digest(char hex[static DIGEST_HEX_SIZE], const char *text)
{
    struct digest digest;

    hex[0] = '\0';
    if (!text)
        return;
    digest_begin(&digest);
    digest_update(&digest, text, strlen(text));
    digest_end(&digest, hex);
}

struct store_left document_left(const struct job *job)
{
    struct store_left left;

    snprintf(left.head, sizeof(left.head), "%s", job->found.change.commit);
    snprintf(left.base, sizeof(left.base), "%s", job->found.branch.base);
    document_digest(left.title, job->found.text.title);
    document_digest(left.body, job->found.text.body);
    return left;
}
