/*
 * Reads the result of a job from the store, when it is first needed.
 */

#include "common/memory.h"
#include "common/secret.h"
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

/* Texts of experimenters may hold a secret that they should not have known. They are scrubbed here, as
 * they were written. After texts are shortened or escaped, half of a secret would no longer be found. */
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
    if (store_load_content(job->services->store, job->row->id, &parsed, &job->patch,
                           &job->patch_length, error) < 0)
        return -1;
    if (result_parse_canonical(&job->result, parsed, error) < 0)
        return -1;
    scrub(job->result);
    return 0;
}
