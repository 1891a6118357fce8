#include "daemon/health.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/events.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS  (5 * 60 * 1000)
#define ASKED_MOST_MS    (60 * 60 * 1000)
#define NO_JOB           0        /* the id of none */
#define NO_SOURCE        SIZE_MAX /* the place of a source that is found well, in a problem */

/* A source failed this job. */
struct failed_source {
    int64_t job;
    struct error error;
};

struct health {
    struct installation installation;
    void (*changed)(void *data);
    void *data;
    struct operation *under_way; /* the check, or the pause before it */
    enum health_state state;
    struct installation_problems problems; /* of the last check */
    bool reported;                         /* a job holds the queue with `report` */
    bool on_trial;                         /* ... and may try again now */
    uint64_t trial_ends;                   /* by the loop's clock */
    struct installation_problem report;
    struct failed_source *failed; /* they are also the last ones of `problems` */
    size_t failed_count;
    bool lacks_sources; /* that is one of them */
    unsigned looks;
    unsigned attempt;
    const struct log_event *said; /* the last event that was logged, */
    char *reason;                 /* and what is wrong; NULL: not known yet */
    char *unchecked;              /* what was logged as unchecked; NULL: nothing */
};

uint64_t backoff_ms(unsigned attempt)
{
    uint64_t pause = BACKOFF_MOST_MS;
    uint16_t chance = 0;

    if (attempt < 11 && (BACKOFF_FIRST_MS << (attempt ? attempt - 1 : 0)) < BACKOFF_MOST_MS)
        pause = (uint64_t)BACKOFF_FIRST_MS << (attempt ? attempt - 1 : 0);
    /* Without random bytes the pauses are only less spread. */
    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
        chance = 0;
    return pause - pause / 4 * chance / UINT16_MAX;
}

uint64_t backoff_asked_ms(unsigned attempt, int64_t retry_after_ms)
{
    uint64_t pause = backoff_ms(attempt);
    uint64_t asked = retry_after_ms > 0 ? (uint64_t)retry_after_ms : 0;

    if (asked > ASKED_MOST_MS)
        asked = ASKED_MOST_MS;
    return asked > pause ? asked : pause;
}

static void ask(void *data);

static void ask_after(struct health *health, uint64_t delay_ms)
{
    operation_clear(&health->under_way);
    health->under_way = loop_after(health->installation.loop, delay_ms, ask, health);
}

static const struct log_event *event_of(const struct installation_problem *problem)
{
    if (problem->error.kind == ERROR_TRANSIENT)
        return &event_forge_down;
    return problem->at_forge ? &event_forge_refused : &event_held;
}

const char *health_key_of(const struct error *error)
{
    return error->key ? error->key : config_key_named(error->message);
}

/* Returns the key to be mended; NULL: the forge's words are all that is known. */
static const char *key_of(const struct installation_problem *problem)
{
    const char *key = health_key_of(&problem->error);

    return key ? key : problem->at_forge ? NULL : problem->key;
}

/* Logs what is wrong, each problem once. If what comes first changes in kind, all are logged anew. */
static void say(struct health *health, const struct installation_problem *problems, size_t count)
{
    CLEANUP_TEXT struct text reason = {0};
    const struct log_event *event = count ? event_of(problems) : &event_forge_well;
    const char *logged = event == health->said && health->reason ? health->reason : "";
    bool same;

    for (size_t i = 0; i < count; i++) {
        const char *message = problems[i].error.message;

        if (problems[i].unanswered || strstr(text_string(&reason), message))
            continue;
        text_append_format(&reason, "%s%s", reason.length ? "; " : "", message);
        if (!strstr(logged, message))
            log_event(event_of(&problems[i]), LOG_TEXT("key", key_of(&problems[i])),
                      LOG_TEXT("reason", message));
    }
    same = event == health->said && health->reason &&
           strcmp(text_string(&reason), health->reason) == 0;
    if (!count && health->said == &event_held)
        event = &event_mended;
    if (!count && !same)
        log_event(event);
    health->said = count ? event : &event_forge_well;
    free(health->reason);
    health->reason = text_take(&reason);
}

static void enter(struct health *health, enum health_state state,
                  const struct installation_problem *problems, size_t count)
{
    health->state = state;
    say(health, problems, count);
    health->changed(health->data);
}

/* No check finds what a job has reported: the job itself tries again. If it does not report again within a
 * minute, it has ended. Other checks in that minute say nothing of it: a job asks for one before it
 * reports. */
static void try_reported(struct health *health)
{
    uint64_t now = uv_now(health->installation.loop);

    if (health->on_trial && now >= health->trial_ends) {
        health_mended(health);
        enter(health, HEALTH_WELL, NULL, 0);
        return;
    }
    if (!health->on_trial)
        health->trial_ends = now + HEALTH_MEND_EVERY_MS;
    health->on_trial = true;
    health->state = HEALTH_WELL;
    ask_after(health, health->trial_ends - now);
    health->changed(health->data);
}

/* Logs what could not be checked once, and again when it changes. */
static void say_unchecked(struct health *health, const struct installation_problems *problems)
{
    const char *unchecked = problems->unchecked;

    if (!unchecked || (health->unchecked && strstr(health->unchecked, unchecked)))
        return;
    free(health->unchecked);
    health->unchecked = memory_copy(unchecked);
    log_event(&event_unchecked, LOG_TEXT("reason", unchecked));
}

/* Appends the failures of sources to what the last check found, once. */
static void list_failed(struct health *health)
{
    struct installation_problems *problems = &health->problems;
    size_t count = problems->count;

    while (count > 0 && problems->items[count - 1].holds == HOLDS_SOURCE &&
           problems->items[count - 1].source == NO_SOURCE)
        count--;
    problems->count = count + health->failed_count;
    problems->items = memory_resize(problems->items,
                                    (problems->count + 1) * sizeof(*problems->items));
    for (size_t i = 0; i < health->failed_count; i++)
        problems->items[count + i] = (struct installation_problem){
            .key = "sources",
            .holds = HOLDS_SOURCE,
            .source = NO_SOURCE,
            .status = EX_CONFIG,
            .error = health->failed[i].error,
        };
}

bool health_source_pending(const struct health *health)
{
    for (size_t i = 0; i < health->problems.count; i++) {
        if (health->problems.items[i].unanswered)
            return true;
    }
    return false;
}

/* Other jobs go on. It is logged when it is known for certain. */
static void wait_for_source(struct health *health)
{
    health->state = HEALTH_WELL;
    ask_after(health, 0);
    health->changed(health->data);
}

static void on_answered(void *data, const struct installation_problems *problems)
{
    struct health *health = data;
    const struct installation_problem *first = installation_problems_first(problems);

    health->under_way = NULL;
    installation_problems_clear(&health->problems);
    installation_problems_copy(&health->problems, problems);
    list_failed(health);
    say_unchecked(health, problems);
    if (first && first->error.kind == ERROR_TRANSIENT) {
        ask_after(health, backoff_asked_ms(++health->attempt, problems->retry_after_ms));
        enter(health, HEALTH_DOWN, first, 1);
        return;
    }
    health->attempt = 0;
    if (first) {
        ask_after(health, HEALTH_MEND_EVERY_MS);
        enter(health, HEALTH_REFUSED, health->problems.items, health->problems.count);
    } else if (health->reported) {
        try_reported(health);
    } else if (health_source_pending(health)) {
        wait_for_source(health);
    } else {
        if (health->problems.count)
            ask_after(health, HEALTH_MEND_EVERY_MS);
        enter(health, HEALTH_WELL, health->problems.items, health->problems.count);
    }
}

static void ask(void *data)
{
    struct health *health = data;

    health->installation.source_patience_ms = health->state == HEALTH_UNKNOWN ? HEALTH_SOURCE_MS
                                                                              : 0;
    health->under_way = installation_ask(&health->installation, on_answered, health);
}

void health_new(struct health **health, const struct installation *installation,
                void (*changed)(void *data), void *data)
{
    struct health *made = memory_new(sizeof(*made));

    made->installation = *installation;
    made->changed = changed;
    made->data = data;
    ask(made);
    *health = made;
}

void health_free(struct health *health)
{
    if (!health)
        return;
    operation_clear(&health->under_way);
    installation_problems_clear(&health->problems);
    free(health->failed);
    free(health->reason);
    free(health->unchecked);
    free(health);
}

enum health_state health_state(const struct health *health)
{
    return health->state;
}

const char *health_reason(const struct health *health)
{
    return health->reason ? health->reason : "";
}

int health_status(const struct health *health)
{
    const struct installation_problem *first = installation_problems_first(&health->problems);

    if (!first && health->reported)
        first = &health->report;
    if (!first && health->problems.count)
        first = &health->problems.items[0];
    return first ? first->status : EX_OK;
}

bool health_sources_held(const struct health *health)
{
    for (size_t i = 0; i < health->problems.count; i++) {
        if (health->problems.items[i].holds == HOLDS_SOURCE)
            return true;
    }
    return false;
}

bool health_source_held(const struct health *health, size_t source)
{
    for (size_t i = 0; i < health->problems.count; i++) {
        const struct installation_problem *problem = &health->problems.items[i];

        if (problem->holds == HOLDS_SOURCE && problem->source == source)
            return true;
    }
    return false;
}

bool health_forge_usable(const struct health *health)
{
    const struct installation_problem *first = installation_problems_first(&health->problems);

    return health->state == HEALTH_WELL ||
           (health->state == HEALTH_REFUSED && !(first && first->at_forge));
}

void health_suspect(struct health *health, int64_t retry_after_ms)
{
    if (health->state != HEALTH_WELL)
        return;
    health->state = HEALTH_UNKNOWN;
    ask_after(health, retry_after_ms > 0 ? backoff_asked_ms(1, retry_after_ms) : 0);
}

void health_ask(struct health *health)
{
    if (health->state != HEALTH_WELL && health->state != HEALTH_UNKNOWN)
        return;
    health->state = HEALTH_UNKNOWN;
    ask_after(health, 0);
}

void health_look(struct health *health)
{
    health->attempt = 0;
    health->looks++;
    ask_after(health, 0);
}

unsigned health_looks(const struct health *health)
{
    return health->looks;
}

static void on_reported(void *data)
{
    struct health *health = data;

    health->under_way = NULL;
    ask_after(health, HEALTH_MEND_EVERY_MS);
    enter(health, HEALTH_REFUSED, &health->report, 1);
}

void health_hold(struct health *health, bool at_forge, const struct error *error)
{
    health->reported = true;
    health->on_trial = false;
    health->report = (struct installation_problem){
        .key = at_forge ? "forge" : "validation",
        .holds = HOLDS_QUEUE,
        .status = EX_CONFIG,
        .at_forge = at_forge,
        .error = *error,
    };
    health->state = HEALTH_REFUSED;
    operation_clear(&health->under_way);
    health->under_way = loop_after(health->installation.loop, 0, on_reported, health);
}

void health_mended(struct health *health)
{
    if (!health->reported)
        return;
    health->reported = health->on_trial = false;
    if (health->state == HEALTH_WELL)
        say(health, NULL, 0);
}

static void tell_failed(struct health *health)
{
    list_failed(health);
    if (health->state == HEALTH_WELL)
        say(health, health->problems.items, health->problems.count);
}

void health_source_failed(struct health *health, int64_t job, const struct error *error)
{
    size_t at = 0;

    while (at < health->failed_count && health->failed[at].job != job)
        at++;
    if (at == health->failed_count) {
        health->failed = memory_resize(health->failed, (at + 1) * sizeof(*health->failed));
        health->failed_count++;
    }
    health->failed[at] = (struct failed_source){.job = job, .error = *error};
    health->failed[at].error.kind = ERROR_PERMANENT; /* however it began, it has lasted */
    tell_failed(health);
    if (health->state == HEALTH_WELL)
        ask_after(health, HEALTH_MEND_EVERY_MS);
}

void health_lack_sources(struct health *health)
{
    struct error error;

    if (health->lacks_sources)
        return;
    health->lacks_sources = true;
    error_set_key(&error, ERROR_PERMANENT, "sources",
                  "expected the repositories with the commits that results name, found none "
                  "configured");
    health_source_failed(health, NO_JOB, &error);
}

void health_source_mended(struct health *health, int64_t job)
{
    size_t kept = 0;

    for (size_t i = 0; i < health->failed_count; i++) {
        if (health->failed[i].job != job)
            health->failed[kept++] = health->failed[i];
    }
    if (kept == health->failed_count)
        return;
    health->failed_count = kept;
    tell_failed(health);
}
