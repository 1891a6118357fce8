#include "daemon/document.h"

#include "common/memory.h"
#include "common/secret.h"
#include "daemon/description.h"
#include "daemon/job.h"

#include <stdlib.h>
#include <string.h>

#define POINT_LIMIT 49 /* this experiment is the fiftieth of the chart */

static void scrub_values(struct json_object *object)
{
    if (!object)
        return;
    json_object_object_foreach(object, key, value)
    {
        (void)key;
        if (json_object_is_type(value, json_type_string)) {
            CLEANUP_FREE char *copy = memory_copy(json_object_get_string(value));

            secret_scrub(copy);
            json_object_set_string(value, copy);
        }
    }
}

/* What experimenters wrote may hold a secret that they should not have known. It goes here, as they wrote
 * it: once texts are shortened or made inert, half of it would no longer be found. */
static void scrub(struct result *result)
{
    secret_scrub(result->hypothesis);
    if (result->title)
        secret_scrub(result->title);
    scrub_values(result->details);
    scrub_values(result->unknown);
}

int job_load_result(struct job *job, struct error *error)
{
    CLEANUP_FREE char *parsed = NULL;

    if (job->result)
        return 0;
    free(job->patch);
    if (store_load_parsed(job->services->store, job->row->id, &parsed, &job->patch,
                          &job->patch_length, error) < 0)
        return -1;
    if (result_parse_canonical(&job->result, parsed, error) < 0)
        return -1;
    scrub(job->result);
    return 0;
}

static struct description describe(const struct job *job)
{
    return (struct description){
        .result = job->result,
        .metric = job_metric(job),
        .verdict = job->verdict,
        .command = job->command,
        .duration_ms = job->duration_ms,
        .output = job->output,
        .log = job->log,
        .files = job->change.files,
        .file_count = job->change.file_count,
        .own_diff = job->change.own_diff,
        .notes = job->change.notes,
        .base_branch = job->services->config->forge.base,
        .base = job->record.base,
        .measured = job->record.measured,
        .merge_base = strcmp(job->record.merge_base, job->record.base) != 0 ? job->record.merge_base
                                                                            : "",
        .tree_is_measured = job->change.tree_is_measured,
        .commit = job->record.commit,
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
    message = description_commit_message(&description);
    secret_scrub(message);
    return message;
}

/* What counts so far, for the chart. Strings are the store's. */
struct points {
    struct store_point *items;
    size_t count;
    struct description_point shown[POINT_LIMIT];
};

static int read_points(const struct job *job, struct points *points, struct error *error)
{
    if (store_frontier_history(job->services->store, job->row->metric, job->row->scope, POINT_LIMIT,
                               &points->items, &points->count, error) < 0)
        return -1;
    for (size_t i = 0; i < points->count; i++)
        points->shown[i] = (struct description_point){
            .experiment_id = points->items[i].experiment_id,
            .value = points->items[i].value,
            .baseline = points->items[i].baseline,
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

/* Which of the commits below the measured one belong to experiments that wait to be merged. */
static int find_contained(const struct job *job, struct contained *contained, struct error *error)
{
    const struct repository_change *change = &job->change;

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

/* In one transaction with the job, whose reference it shows. */
static int save(struct job *job, const char *title, const char *body, struct error *error)
{
    struct store *store = job->services->store;

    if (store_begin(store, error) < 0)
        return -1;
    if (store_set_document(store, job->record.id, title, body, error) < 0 ||
        store_save_job(store, &job->record, error) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, error);
}

int document_write(struct job *job, struct error *error)
{
    CLEANUP(points_clear) struct points points = {0};
    CLEANUP(contained_clear) struct contained contained = {0};
    CLEANUP_FREE char *title = NULL;
    CLEANUP_FREE char *body = NULL;
    struct description description = describe(job);

    if (read_points(job, &points, error) < 0 || find_contained(job, &contained, error) < 0)
        return -1;
    description.frontier = points.shown;
    description.frontier_count = points.count;
    description.contained = contained.items;
    description.contained_count = contained.count;
    description.contained_more = contained.more;
    title = description_title(&description);
    body = description_body(&description);
    secret_scrub(title);
    secret_scrub(body); /* what the tests printed stands in it, too */
    if (save(job, title, body, error) < 0)
        return -1;
    job->documented = true;
    return 0;
}
