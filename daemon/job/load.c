/*
 * Reads the result of a job when it is first needed: from the store, or from the archive for a pull request
 * that was closed and opened again.
 */

#include "common/memory.h"
#include "common/secret.h"
#include "daemon/archived.h"
#include "daemon/job.h"

#include <stdlib.h>

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

/* Texts of experimenters may contain a secret that they should not have known. They are scrubbed here, before
 * anything shortens or escapes them: half of a secret would not be found. */
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
    const struct services *services = job->services;

    if (job->result)
        return 0;
    free(job->patch);
    job->patch = NULL;
    if (archived_load(services->store, services->config->spool, job->row, &job->result, &job->patch,
                      &job->patch_length, error) < 0)
        return -1;
    scrub(job->result);
    return 0;
}
