#include "daemon/job/findings.h"

#include "common/json.h"
#include "common/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON --------------------------------------------------------------------------------------- */

static void put_integer(struct json_object *object, const char *key, int64_t value)
{
    json_object_object_add(object, key, json_object_new_int64(value));
}

static void put_number(struct json_object *object, const char *key, double value)
{
    if (isfinite(value))
        json_object_object_add(object, key, json_object_new_double(value));
}

static char *get_text(struct json_object *object, const char *key)
{
    return memory_copy(json_object_get_string(json_object_object_get(object, key)));
}

static int64_t get_integer(struct json_object *object, const char *key)
{
    return json_object_get_int64(json_object_object_get(object, key));
}

static double get_number(struct json_object *object, const char *key)
{
    struct json_object *value = json_object_object_get(object, key);

    return value ? json_object_get_double(value) : NAN;
}

static void get_hash(struct json_object *object, const char *key, char hash[static GIT_HASH_SIZE])
{
    const char *text = json_object_get_string(json_object_object_get(object, key));

    snprintf(hash, GIT_HASH_SIZE, "%s", text ? text : "");
}

/* ---- base --------------------------------------------------------------------------------------- */

static struct json_object *write_base(const struct job_findings *findings)
{
    struct json_object *object = json_object_new_object();

    json_put_text(object, "commit", findings->base.commit);
    return object;
}

static void read_base(struct job_findings *findings, struct json_object *object)
{
    get_hash(object, "commit", findings->base.commit);
}

/* ---- branch, push, pull ------------------------------------------------------------------------- */

static struct json_object *write_branch(const struct job_findings *findings)
{
    struct json_object *object = json_object_new_object();

    put_integer(object, "posted_ms", findings->branch.posted_ms);
    json_put_text(object, "base_then", findings->branch.base_then);
    json_put_text(object, "base", findings->branch.base);
    return object;
}

static void read_branch(struct job_findings *findings, struct json_object *object)
{
    findings->branch.posted_ms = get_integer(object, "posted_ms");
    get_hash(object, "base_then", findings->branch.base_then);
    get_hash(object, "base", findings->branch.base);
}

static struct json_object *write_push(const struct job_findings *findings)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "sent", json_object_new_boolean(findings->push_sent));
    return object;
}

static void read_push(struct job_findings *findings, struct json_object *object)
{
    findings->push_sent = json_object_get_boolean(json_object_object_get(object, "sent"));
}

static struct json_object *write_pull(const struct job_findings *findings)
{
    struct json_object *object = json_object_new_object();

    put_integer(object, "posted_ms", findings->pull.posted_ms);
    put_integer(object, "close_posted_ms", findings->pull.close_posted_ms);
    return object;
}

static void read_pull(struct job_findings *findings, struct json_object *object)
{
    findings->pull.posted_ms = get_integer(object, "posted_ms");
    findings->pull.close_posted_ms = get_integer(object, "close_posted_ms");
}

/* ---- look, edit, comment: of a refresh ----------------------------------------------------------- */

static void put_bool(struct json_object *object, const char *key, bool value)
{
    json_object_object_add(object, key, json_object_new_boolean(value));
}

static bool get_bool(struct json_object *object, const char *key)
{
    return json_object_get_boolean(json_object_object_get(object, key));
}

static struct json_object *write_comment(const struct job_findings *findings)
{
    struct json_object *object = json_object_new_object();

    put_integer(object, "commented_ms", findings->refresh.commented_ms);
    json_put_text(object, "comment", findings->refresh.comment);
    return object;
}

static void read_comment(struct job_findings *findings, struct json_object *object)
{
    char *comment = get_text(object, "comment");

    if (comment) {
        findings->refresh.commented_ms = get_integer(object, "commented_ms");
        free(findings->refresh.comment);
        findings->refresh.comment = comment;
    }
}

/* Its undo comments, too. */
static struct json_object *write_tip(const struct job_findings *findings)
{
    struct json_object *object = write_comment(findings);

    put_integer(object, "read_ms", findings->refresh.base_read_ms);
    json_put_text(object, "base", findings->branch.base);
    json_put_text(object, "tip", findings->refresh.tip);
    put_integer(object, "merged", findings->refresh.merged);
    put_bool(object, "told", findings->refresh.told);
    put_bool(object, "stays", findings->refresh.stays);
    return object;
}

static void read_tip(struct job_findings *findings, struct json_object *object)
{
    read_comment(findings, object);
    findings->refresh.base_read_ms = get_integer(object, "read_ms");
    get_hash(object, "base", findings->branch.base);
    get_hash(object, "tip", findings->refresh.tip);
    findings->refresh.merged = (unsigned)get_integer(object, "merged");
    findings->refresh.told = get_bool(object, "told");
    findings->refresh.stays = get_bool(object, "stays");
}

static struct json_object *write_edit(const struct job_findings *findings)
{
    struct json_object *object = json_object_new_object();

    put_bool(object, "title_stays", findings->refresh.title_stays);
    put_bool(object, "body_stays", findings->refresh.body_stays);
    put_bool(object, "edited", findings->refresh.edited);
    return object;
}

static void read_edit(struct job_findings *findings, struct json_object *object)
{
    findings->refresh.title_stays = get_bool(object, "title_stays");
    findings->refresh.body_stays = get_bool(object, "body_stays");
    findings->refresh.edited = get_bool(object, "edited");
}

/* ---- compose ------------------------------------------------------------------------------------ */

static struct json_object *write_files(const struct repository_change *change)
{
    struct json_object *files = json_object_new_array();

    for (size_t i = 0; i < change->file_count; i++) {
        struct json_object *file = json_object_new_object();

        json_put_text(file, "path", change->files[i].path);
        put_integer(file, "added", change->files[i].added);
        put_integer(file, "removed", change->files[i].removed);
        json_object_array_add(files, file);
    }
    return files;
}

static void read_files(struct repository_change *change, struct json_object *files)
{
    size_t count = files ? json_object_array_length(files) : 0;

    change->files = memory_new_array(count, sizeof(*change->files));
    change->file_count = count;
    for (size_t i = 0; i < count; i++) {
        struct json_object *file = json_object_array_get_idx(files, i);

        change->files[i].path = get_text(file, "path");
        change->files[i].added = get_integer(file, "added");
        change->files[i].removed = get_integer(file, "removed");
    }
}

static struct json_object *write_contained(const struct repository_change *change)
{
    struct json_object *contained = json_object_new_array();

    for (size_t i = 0; i < change->contained_count; i++)
        json_object_array_add(contained, json_object_new_string(change->contained[i]));
    return contained;
}

static void read_contained(struct repository_change *change, struct json_object *contained)
{
    size_t count = contained ? json_object_array_length(contained) : 0;

    change->contained = memory_new_array(count, sizeof(*change->contained));
    change->contained_count = count;
    for (size_t i = 0; i < count; i++)
        change->contained[i] = memory_copy(
            json_object_get_string(json_object_array_get_idx(contained, i)));
}

static struct json_object *write_compose(const struct job_findings *findings)
{
    const struct repository_change *change = &findings->change;
    struct json_object *object;

    if (!*change->commit)
        return NULL;
    object = json_object_new_object();
    json_put_text(object, "commit", change->commit);
    json_put_text(object, "measured", change->measured);
    json_put_text(object, "merge_base", change->merge_base);
    json_object_object_add(object, "tree_is_measured",
                           json_object_new_boolean(change->tree_is_measured));
    json_object_object_add(object, "files", write_files(change));
    json_object_object_add(object, "contained", write_contained(change));
    json_put_text(object, "own_diff", change->own_diff);
    json_put_text(object, "notes", change->notes);
    json_put_text(object, "doubt", change->doubt);
    return object;
}

static void read_compose(struct job_findings *findings, struct json_object *object)
{
    struct repository_change *change = &findings->change;

    get_hash(object, "commit", change->commit);
    get_hash(object, "measured", change->measured);
    get_hash(object, "merge_base", change->merge_base);
    change->tree_is_measured = json_object_get_boolean(
        json_object_object_get(object, "tree_is_measured"));
    read_files(change, json_object_object_get(object, "files"));
    read_contained(change, json_object_object_get(object, "contained"));
    change->own_diff = get_text(object, "own_diff");
    change->notes = get_text(object, "notes");
    change->doubt = get_text(object, "doubt");
}

/* ---- validate, describe ------------------------------------------------------------------------- */

static void put_count(struct json_object *object, const char *key, const struct test_count *count)
{
    struct json_object *json;

    if (!count->known)
        return;
    json = json_object_new_object();
    put_integer(json, "ran", (int64_t)count->ran);
    put_integer(json, "passed", (int64_t)count->passed);
    json_put_text(json, "runner", count->runner);
    json_object_object_add(object, key, json);
}

static void get_count(struct json_object *object, const char *key, struct test_count *count)
{
    struct json_object *json = json_object_object_get(object, key);
    const char *runner = json_object_get_string(json_object_object_get(json, "runner"));

    *count = (struct test_count){.known = json != NULL};
    if (!json)
        return;
    count->ran = (uint64_t)get_integer(json, "ran");
    count->passed = (uint64_t)get_integer(json, "passed");
    snprintf(count->runner, sizeof(count->runner), "%s", runner ? runner : "");
}

static void put_place(struct json_object *object, const struct engine_place *place)
{
    struct json_object *json;

    if (!place->attempt)
        return;
    json = json_object_new_object();
    put_integer(json, "slurm_job", place->slurm_job);
    put_integer(json, "attempt", place->attempt);
    put_integer(json, "queued_ms", place->queued_ms);
    json_put_text(json, "node", place->node);
    json_object_object_add(object, "place", json);
}

static void get_place(struct json_object *object, struct engine_place *place)
{
    struct json_object *json = json_object_object_get(object, "place");
    const char *node = json_object_get_string(json_object_object_get(json, "node"));

    *place = (struct engine_place){0};
    if (!json)
        return;
    place->slurm_job = get_integer(json, "slurm_job");
    place->attempt = get_integer(json, "attempt");
    place->queued_ms = get_integer(json, "queued_ms");
    snprintf(place->node, sizeof(place->node), "%s", node ? node : "");
}

static const char *const base_states[] = {
    [BASE_UNKNOWN] = "unknown",
    [BASE_PASSED] = "passed",
    [BASE_FLAKY] = "flaky",
    [BASE_FAILED] = "failed",
};

static void put_failed(struct json_object *object, const struct job_findings *findings)
{
    struct json_object *json;

    if (!*findings->tests.failed.commit)
        return;
    json = json_object_new_object();
    json_put_text(json, "commit", findings->tests.failed.commit);
    json_put_text(json, "settings", findings->tests.failed.settings);
    put_integer(json, "at_ms", findings->tests.failed.at_ms);
    json_put_text(json, "reason", findings->tests.failed.reason);
    json_put_text(json, "report", findings->tests.failed.report);
    json_object_object_add(object, "failed", json);
}

static void get_failed(struct json_object *object, struct job_findings *findings)
{
    struct json_object *json = json_object_object_get(object, "failed");
    const char *settings = json_object_get_string(json_object_object_get(json, "settings"));

    get_hash(json, "commit", findings->tests.failed.commit);
    snprintf(findings->tests.failed.settings, sizeof(findings->tests.failed.settings), "%s",
             settings ? settings : "");
    findings->tests.failed.at_ms = get_integer(json, "at_ms");
    findings->tests.failed.reason = get_text(json, "reason");
    findings->tests.failed.report = get_text(json, "report");
}

static struct json_object *write_validate(const struct job_findings *findings)
{
    struct json_object *object;

    if (!*findings->tests.commit && !*findings->tests.failed_once &&
        !*findings->tests.failed.commit)
        return NULL;
    object = json_object_new_object();
    json_put_text(object, "commit", findings->tests.commit);
    json_put_text(object, "failed_once", findings->tests.failed_once);
    json_put_text(object, "command", findings->tests.command);
    json_put_text(object, "output", findings->tests.output);
    json_put_text(object, "log", findings->tests.log);
    put_integer(object, "duration_ms", (int64_t)findings->tests.duration_ms);
    put_place(object, &findings->tests.place);
    put_count(object, "count", &findings->tests.count);
    put_count(object, "base_count", &findings->tests.base_count);
    json_put_text(object, "base", base_states[findings->tests.base]);
    json_put_text(object, "base_reason", findings->tests.base_reason);
    json_object_object_add(object, "repeated", json_object_new_boolean(findings->tests.repeated));
    put_failed(object, findings);
    return object;
}

static void read_validate(struct job_findings *findings, struct json_object *object)
{
    const char *base = json_object_get_string(json_object_object_get(object, "base"));

    get_hash(object, "commit", findings->tests.commit);
    get_hash(object, "failed_once", findings->tests.failed_once);
    findings->tests.command = get_text(object, "command");
    findings->tests.output = get_text(object, "output");
    findings->tests.log = get_text(object, "log");
    findings->tests.duration_ms = (uint64_t)get_integer(object, "duration_ms");
    get_place(object, &findings->tests.place);
    get_count(object, "count", &findings->tests.count);
    get_count(object, "base_count", &findings->tests.base_count);
    findings->tests.base_reason = get_text(object, "base_reason");
    findings->tests.repeated = json_object_get_boolean(json_object_object_get(object, "repeated"));
    get_failed(object, findings);
    findings->tests.base = BASE_UNKNOWN;
    for (size_t i = 0; base && i < sizeof(base_states) / sizeof(base_states[0]); i++) {
        if (strcmp(base_states[i], base) == 0)
            findings->tests.base = (enum base_state)i;
    }
}

static struct json_object *write_describe(const struct job_findings *findings)
{
    struct json_object *object;

    if (!findings->text.title)
        return NULL;
    object = json_object_new_object();
    json_put_text(object, "title", findings->text.title);
    json_put_text(object, "body", findings->text.body);
    put_number(object, "reference", findings->text.reference);
    put_number(object, "threshold", findings->text.threshold);
    return object;
}

static void read_describe(struct job_findings *findings, struct json_object *object)
{
    findings->text.title = get_text(object, "title");
    findings->text.body = get_text(object, "body");
    findings->text.reference = get_number(object, "reference");
    findings->text.threshold = get_number(object, "threshold");
}

/* ---- all of them -------------------------------------------------------------------------------- */

const struct job_finding finding_base = {write_base, read_base};
const struct job_finding finding_branch = {write_branch, read_branch};
const struct job_finding finding_compose = {write_compose, read_compose};
const struct job_finding finding_validate = {write_validate, read_validate};
const struct job_finding finding_push = {write_push, read_push};
const struct job_finding finding_describe = {write_describe, read_describe};
const struct job_finding finding_pull = {write_pull, read_pull};
const struct job_finding finding_tip = {write_tip, read_tip};
const struct job_finding finding_edit = {write_edit, read_edit};
const struct job_finding finding_comment = {write_comment, read_comment};

char *job_finding_write(const struct job_finding *finding, const struct job_findings *findings)
{
    struct json_object *object = finding->write(findings);
    char *json = object ? memory_copy(json_object_to_json_string_ext(
                              object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE))
                        : NULL;

    json_object_put(object);
    return json;
}

int job_finding_read(const struct job_finding *finding, struct job_findings *findings,
                     const char *json, struct error *error)
{
    struct json_object *object = json_tokener_parse(json);

    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        return error_set(error, ERROR_PERMANENT, "expected a JSON object, found '%.40s'", json);
    }
    finding->read(findings, object);
    json_object_put(object);
    return 0;
}

void job_findings_clear(struct job_findings *findings)
{
    repository_change_clear(&findings->change);
    free(findings->tests.command);
    free(findings->tests.output);
    free(findings->tests.log);
    free(findings->tests.base_reason);
    free(findings->tests.failed.reason);
    free(findings->tests.failed.report);
    free(findings->text.title);
    free(findings->text.body);
    free(findings->refresh.comment);
    *findings = (struct job_findings){0};
}
