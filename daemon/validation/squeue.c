#include "daemon/validation/squeue.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    enum squeue_state state;
} states[] = {
    {"PENDING", SQUEUE_PENDING},       {"CONFIGURING", SQUEUE_RUNNING},
    {"RUNNING", SQUEUE_RUNNING},       {"COMPLETING", SQUEUE_RUNNING},
    {"STAGE_OUT", SQUEUE_RUNNING},     {"SIGNALING", SQUEUE_RUNNING},
    {"STOPPED", SQUEUE_RUNNING},       {"SUSPENDED", SQUEUE_RUNNING},
    {"RESIZING", SQUEUE_RUNNING},      {"REQUEUED", SQUEUE_PENDING},
    {"REQUEUE_FED", SQUEUE_PENDING},   {"REQUEUE_HOLD", SQUEUE_PENDING},
    {"SPECIAL_EXIT", SQUEUE_PENDING},  {"RESV_DEL_HOLD", SQUEUE_PENDING},
    {"COMPLETED", SQUEUE_FINISHED},    {"FAILED", SQUEUE_FINISHED},
    {"TIMEOUT", SQUEUE_EXHAUSTED},     {"OUT_OF_MEMORY", SQUEUE_EXHAUSTED},
    {"CANCELLED", SQUEUE_CUT_OFF},     {"NODE_FAIL", SQUEUE_CUT_OFF},
    {"PREEMPTED", SQUEUE_CUT_OFF},     {"BOOT_FAIL", SQUEUE_CUT_OFF},
    {"DEADLINE", SQUEUE_CUT_OFF},      {"REVOKED", SQUEUE_CUT_OFF},
    {"LAUNCH_FAILED", SQUEUE_CUT_OFF}, {"RECONFIG_FAIL", SQUEUE_CUT_OFF},
};

/* Reasons for which a waiting job never starts, until a person mends something. Each stands for all reasons that
 * begin with it. */
static const char *const staying[] = {
    "PartitionConfig",
    "BadConstraints",
    "PartitionNodeLimit",
    "PartitionDown",
    "PartitionInactive",
    "InvalidAccount",
    "InvalidQOS",
    "JobHeld",
    "QOSNotAllowed",
    "AccountNotAllowed",
    "DependencyNeverSatisfied",
    "ReservationDeleted",
    "ReservationInvalid",
};

/* Parts of the names of limits for a single job. Its options go beyond one, however long it waits. */
static const char *const job_limits[] = {"PerJob", "TimeLimit", "MaxMemPerLimit", "QOSMin"};

/* Words of sbatch about faults that pass by themselves. A person has to mend all others. */
static const char *const passing[] = {
    "unable to contact",
    "socket timed out",
    "temporarily unable",
    "connection refused",
    "zero bytes were transmitted",
    "communication connection failure",
    "unexpected message received",
    "job violates accounting/qos policy (job submit limit",
    "submit limit",
    "too many jobs",
    "maxsubmitjob",
    "slurm_persist_conn",
    "munge",
    "authentication credential",
    "protocol authentication error",
    "connection reset",
    "resource temporarily unavailable",
    "slurm backup controller in standby",
    "connection timed out",
    "no route to host",
    "transport endpoint is not connected",
};

/* Copies the field at `*at`, as far as there is room, and moves `*at` behind the bar that ends it. Returns false if
 * there is none. */
static bool take_start(char *to, size_t size, const char **at, const char *end)
{
    const char *bar = memchr(*at, '|', (size_t)(end - *at));
    size_t length = bar ? (size_t)(bar - *at) : 0;

    if (!bar)
        return false;
    if (length >= size)
        length = size - 1;
    memcpy(to, *at, length);
    to[length] = '\0';
    *at = bar + 1;
    return true;
}

/* The same. Returns false as well if the field is too long. */
static bool take(char *to, size_t size, const char **at, const char *end)
{
    const char *start = *at;

    return take_start(to, size, at, end) && (size_t)(*at - start) <= size;
}

/* Returns 0 if the text is no number. */
static int64_t read_number(const char *text)
{
    char *end;
    long long number = strtoll(text, &end, 10);

    return isdigit((unsigned char)*text) && (!*end || *end == ';' || *end == '\n') ? number : 0;
}

/* Reads "[DAYS-][HOURS:]MINUTES:SECONDS". Returns seconds; -1: the text is anything else. */
static int64_t read_used(const char *text)
{
    const char *dash = strchr(text, '-');
    int64_t parts = 0;
    int64_t seconds = 0;

    for (const char *at = dash ? dash + 1 : text; isdigit((unsigned char)*at); parts++) {
        char *end;

        seconds = seconds * 60 + strtoll(at, &end, 10);
        if (*end == '\0')
            return parts ? seconds + (dash ? strtoll(text, NULL, 10) * 86400 : 0) : -1;
        at = end + 1;
    }
    return -1;
}

bool squeue_read(struct squeue_job *job, const char *line, size_t length)
{
    const char *at = line;
    const char *end = line + length;
    char id[24];
    char exit_code[24];
    char used[32];

    if (!take(id, sizeof(id), &at, end) || !take(job->word, sizeof(job->word), &at, end) ||
        !take_start(job->nodes, sizeof(job->nodes), &at, end) ||
        !take(exit_code, sizeof(exit_code), &at, end) ||
        !take_start(job->reason, sizeof(job->reason), &at, end) ||
        !take(used, sizeof(used), &at, end) || !take(job->name, sizeof(job->name), &at, end))
        return false;
    job->id = read_number(id);
    job->used_s = read_used(used);
    job->state = *job->nodes ? SQUEUE_RUNNING : SQUEUE_PENDING;
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
        if (strcmp(states[i].word, job->word) == 0)
            job->state = states[i].state;
    if (strcmp(job->reason, "None") == 0)
        *job->reason = '\0';
    return job->id > 0;
}

bool squeue_next(struct squeue_job *job, const char **at)
{
    bool read = false;

    while (**at && !read) {
        size_t length = strcspn(*at, "\n");

        read = squeue_read(job, *at, length);
        *at += length;
        *at += **at == '\n';
    }
    return read;
}

static bool names_job_limit(const char *words)
{
    for (size_t i = 0; i < sizeof(job_limits) / sizeof(*job_limits); i++)
        if (strstr(words, job_limits[i]))
            return true;
    return false;
}

bool squeue_reason_stays(const char *reason)
{
    for (size_t i = 0; i < sizeof(staying) / sizeof(*staying); i++)
        if (strncmp(reason, staying[i], strlen(staying[i])) == 0)
            return true;
    return names_job_limit(reason);
}

bool squeue_reason_excludes(const char *reason)
{
    return strncmp(reason, "ReqNodeNotAvail", strlen("ReqNodeNotAvail")) == 0;
}

enum sbatch_refusal sbatch_refusal_of(const char *words)
{
    if (names_job_limit(words))
        return SBATCH_REFUSED;
    if (strcasestr(words, "allocation failure: requested node configuration is not available"))
        return SBATCH_NO_NODE;
    for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++)
        if (strcasestr(words, passing[i]))
            return SBATCH_WAITS;
    return SBATCH_REFUSED;
}

int64_t sbatch_read_id(const char *output)
{
    return read_number(output);
}
