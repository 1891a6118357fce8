#include "common/http.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/secret.h"
#include "config/credential.h"
#include "daemon/events.h"
#include "daemon/forge/kinds.h"
#include "daemon/reload.h"
#include "daemon/steps.h"
#include "daemon/winnowd/internal.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- the end ------------------------------------------------------------------------------------ */

static void close_signal(uv_signal_t *signal)
{
    if (signal->loop && !uv_is_closing((uv_handle_t *)signal))
        uv_close((uv_handle_t *)signal, NULL);
}

/* Frees the parts in the reverse order of build(); any part may be missing. */
static void tear_down(struct winnowd *winnowd)
{
    struct error error;
    bool validating = winnowd->validation != NULL;

    operation_clear(&winnowd->once_timer);
    operation_clear(&winnowd->store_check);
    keep_free(winnowd->keep);
    report_free(winnowd->report);
    pulls_free(winnowd->pulls);
    refresh_free(winnowd->refresh);
    intake_free(winnowd->intake);
    followed_logs_free(winnowd->followed_logs);
    queue_free(winnowd->queue);
    saved_free(winnowd->saved);
    base_free(winnowd->base);
    health_free(winnowd->health);
    if (validating && validation_sweep(winnowd->validation, &error) < 0)
        log_event(&event_checkout_left, LOG_TEXT("reason", error.message));
    validation_free(winnowd->validation);
    repository_free(winnowd->repository);
    forge_free(winnowd->forge);
    http_free(winnowd->http);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        close_signal(&winnowd->signals[i]);
    log_attach(NULL);
    uv_run(&winnowd->loop, UV_RUN_DEFAULT);
    uv_loop_close(&winnowd->loop);
    store_free(winnowd->store);
    if (winnowd->token)
        secret_wipe(winnowd->token, strlen(winnowd->token));
    free(winnowd->token);
    config_free(winnowd->config);
}

/* ---- when judging begins ------------------------------------------------------------------------ */

static void on_taken(void *data);
static void on_spool_idle(void *data);
static void on_logs_idle(void *data);

static int start_intake(struct winnowd *winnowd, struct error *error)
{
    struct intake_options options = {
        .config = winnowd->config,
        .store = winnowd->store,
        .once = winnowd->once,
        .taken = on_taken,
        .idle = on_spool_idle,
        .data = winnowd,
    };

    struct followed_logs_options followed_options = {
        .config = winnowd->config,
        .store = winnowd->store,
        .taken = on_taken,
        .idle = on_logs_idle,
        .data = winnowd,
    };

    if (intake_new(&winnowd->intake, &winnowd->loop, &options, error) < 0)
        return -1;
    followed_logs_new(&winnowd->followed_logs, &winnowd->loop, &followed_options);
    return 0;
}

static bool may_judge(void *data)
{
    const struct winnowd *winnowd = data;

    return winnowd->judging;
}

/* With --once, pull requests are looked at first, since there is no later time for it. If the forge cannot be
 * asked, what is known counts. */
static void begin_judging(struct winnowd *winnowd)
{
    struct error error;

    if (winnowd->judging || winnowd->stopping)
        return;
    winnowd->judging = true;
    if (start_intake(winnowd, &error) < 0) {
        log_event(&event_start_failed, LOG_TEXT("reason", error.message));
        winnowd_stop(winnowd, EX_IOERR);
        return;
    }
    queue_judge_again(winnowd->queue);
}

/* ---- what the parts tell ------------------------------------------------------------------------ */

static void on_taken(void *data)
{
    struct winnowd *winnowd = data;

    winnowd->progress_at = uv_now(&winnowd->loop);
    report_changed(winnowd->report);
    saved_look(winnowd->saved);
    queue_poke(winnowd->queue);
}

static void on_spool_idle(void *data)
{
    struct winnowd *winnowd = data;

    report_scanned(winnowd->report);
    refresh_go_on(winnowd->refresh);
    once_end_if_finished(winnowd);
}

static void on_swept(void *data)
{
    once_end_if_finished(data);
}

static void on_logs_idle(void *data)
{
    once_end_if_finished(data);
}

static void on_progress(void *data)
{
    struct winnowd *winnowd = data;

    winnowd->progress_at = uv_now(&winnowd->loop);
    report_changed(winnowd->report);
}

/* A job may have waited for its commit. */
static void on_saved(void *data)
{
    struct winnowd *winnowd = data;

    if (winnowd->queue)
        queue_judge_again(winnowd->queue);
}

static void on_rested(void *data)
{
    struct winnowd *winnowd = data;

    report_changed(winnowd->report);
    pulls_go_on(winnowd->pulls);
    refresh_go_on(winnowd->refresh);
    if (!winnowd->once && !queue_jobs(winnowd->queue) && refresh_idle(winnowd->refresh))
        repository_maintain(winnowd->repository);
    if (!queue_jobs(winnowd->queue))
        saved_maintain(winnowd->saved);
    malloc_trim(0); /* gives back what the work needed: a daemon mostly waits */
    once_end_if_finished(winnowd);
}

static void on_rejected(void *data, const struct store_result *row, const char *reason)
{
    struct winnowd *winnowd = data;

    if (winnowd->intake) /* else it finds rejected files when it begins */
        intake_reject_archived(winnowd->intake, row, reason);
}

static void on_settled(void *data)
{
    struct winnowd *winnowd = data;

    pulls_go_on(winnowd->pulls);
}

static unsigned refresh_slots_used(void *data)
{
    const struct winnowd *winnowd = data;

    return refresh_slots(winnowd->refresh);
}

/* The files in the spool go first. */
static unsigned slots_left(void *data)
{
    const struct winnowd *winnowd = data;

    if (!winnowd->judging || (winnowd->once && !intake_idle(winnowd->intake)))
        return 0;
    return queue_slots_left(winnowd->queue);
}

static unsigned rounds_of_looking(void *data)
{
    const struct winnowd *winnowd = data;

    return pulls_rounds(winnowd->pulls);
}

/* Looking again and again is no progress: --once would not end. */
static void on_refresh_changed(void *data)
{
    struct winnowd *winnowd = data;

    report_changed(winnowd->report);
    queue_poke(winnowd->queue);
}

static void on_refresh_progress(void *data)
{
    struct winnowd *winnowd = data;

    winnowd->progress_at = uv_now(&winnowd->loop);
    on_refresh_changed(winnowd);
}

static void on_pulls_changed(void *data)
{
    struct winnowd *winnowd = data;

    report_changed(winnowd->report);
    saved_look(winnowd->saved); /* what was turned down may be queued again */
    if (pulls_tried(winnowd->pulls))
        begin_judging(winnowd);
    queue_judge_again(winnowd->queue);
    refresh_look(winnowd->refresh);
    once_end_if_finished(winnowd);
}

static void on_health_changed(void *data)
{
    struct winnowd *winnowd = data;

    if (health_state(winnowd->health) != HEALTH_WELL) {
        winnowd->counters.forge_errors++;
        begin_judging(winnowd);
    }
    report_forge_checked(winnowd->report);
    report_changed(winnowd->report);
    queue_forge_changed(winnowd->queue);
    refresh_forge_changed(winnowd->refresh);
    if (!pulls_looked(winnowd->pulls))
        pulls_look(winnowd->pulls);
    once_end_if_finished(winnowd);
}

static void on_base_changed(void *data)
{
    struct winnowd *winnowd = data;

    report_changed(winnowd->report);
    queue_judge_again(winnowd->queue);
    refresh_base_changed(winnowd->refresh);
    once_end_if_finished(winnowd);
}

static void on_store_checked(void *data, const struct error *damage)
{
    struct winnowd *winnowd = data;

    winnowd->store_check = NULL;
    if (damage) {
        log_event(&event_store_damaged, LOG_TEXT("reason", damage->message));
        winnowd_stop(winnowd, EX_IOERR);
    } else {
        once_end_if_finished(winnowd);
    }
}

/* ---- signals ------------------------------------------------------------------------------------ */

/* Parts that made something from the configuration (a timer, a file, a verdict) are told here, and make it
 * again. The others read a value when they need it. */
static void reload(struct winnowd *winnowd)
{
    report_reloading(winnowd->report);
    if (reload_configuration(winnowd->config, winnowd->path)) {
        log_configure(winnowd->config->log.level, winnowd->config->log.format);
        if (winnowd->intake)
            intake_reload(winnowd->intake);
        if (winnowd->followed_logs)
            followed_logs_reload(winnowd->followed_logs);
        health_look(winnowd->health);
        base_reloaded(winnowd->base);
        pulls_look(winnowd->pulls);
        refresh_reloaded(winnowd->refresh);
        queue_reloaded(winnowd->queue);
    }
    report_reloaded(winnowd->report);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct winnowd *winnowd = signal->data;

    switch (number) {
    case SIGHUP:
        reload(winnowd);
        break;
    case SIGUSR1:
        report_everything(winnowd->report);
        break;
    default:
        winnowd_stop(winnowd, EX_OK);
        break;
    }
}

static void watch_signals(struct winnowd *winnowd)
{
    static const int numbers[SIGNAL_COUNT] = {
        [ON_TERMINATE] = SIGTERM,
        [ON_INTERRUPT] = SIGINT,
        [ON_RELOAD] = SIGHUP,
        [ON_STATUS] = SIGUSR1,
    };

    for (int i = 0; i < SIGNAL_COUNT; i++) {
        uv_signal_init(&winnowd->loop, &winnowd->signals[i]);
        winnowd->signals[i].data = winnowd;
        uv_signal_start(&winnowd->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&winnowd->signals[i]);
    }
}

/* ---- the beginning ------------------------------------------------------------------------------ */

static int fail(const struct error *error, int status)
{
    log_event(&event_start_failed, LOG_TEXT("reason", error->message));
    return status;
}

static int build_tools(struct winnowd *winnowd, struct error *error)
{
    const struct config *config = winnowd->config;

    if (credential_load(&winnowd->token, config, error) < 0 ||
        http_new(&winnowd->http, &winnowd->loop, config->forge.ca_file, error) < 0 ||
        forge_new(&winnowd->forge, &winnowd->loop, config, winnowd->http, winnowd->token, error) <
            0)
        return fail(error, EX_CONFIG);
    if (store_open(&winnowd->store, config->state, false, error) < 0 ||
        repository_new(&winnowd->repository, &winnowd->loop, config, winnowd->forge, error) < 0)
        return fail(error, EX_IOERR);
    if (validation_new(&winnowd->validation, &winnowd->loop, config, winnowd->store,
                       winnowd->repository, winnowd->http, error) < 0)
        return fail(error, EX_CONFIG);
    if (validation_sweep(winnowd->validation, error) < 0 ||
        repository_sweep(winnowd->repository, error) < 0)
        return fail(error, EX_IOERR);
    return EX_OK;
}

static void count_steps(struct winnowd *winnowd, const struct step_table *steps)
{
    for (size_t i = 0; i < steps->count; i++)
        counters_add_step(&winnowd->counters, steps->rows[i].name, !steps->rows[i].quiet);
}

static int start_refresh(struct winnowd *winnowd, struct error *error)
{
    const struct refresh_options options = {
        .services = &winnowd->services,
        .steps = &refresh_steps,
        .slots_left = slots_left,
        .progress = on_refresh_progress,
        .changed = on_refresh_changed,
        .rounds = rounds_of_looking,
        .contained = on_settled,
        .data = winnowd,
    };

    return refresh_new(&winnowd->refresh, &winnowd->loop, &options, error);
}

static int start_queue(struct winnowd *winnowd, struct error *error)
{
    const struct queue_options options = {
        .services = &winnowd->services,
        .steps = &promotion_steps,
        .others = refresh_slots_used,
        .may_judge = may_judge,
        .rejected = on_rejected,
        .settled = on_settled,
        .progress = on_progress,
        .rested = on_rested,
        .data = winnowd,
    };

    return queue_new(&winnowd->queue, &winnowd->loop, &options, error);
}

static void build_base(struct winnowd *winnowd)
{
    const struct base_options options = {
        .loop = &winnowd->loop,
        .config = winnowd->config,
        .store = winnowd->store,
        .repository = winnowd->repository,
        .validation = winnowd->validation,
        .changed = on_base_changed,
        .data = winnowd,
    };

    base_new(&winnowd->base, &options);
}

static void build_saved(struct winnowd *winnowd)
{
    const struct saved_options options = {
        .config = winnowd->config,
        .store = winnowd->store,
        .repository = winnowd->repository,
        .changed = on_saved,
        .data = winnowd,
    };

    saved_new(&winnowd->saved, &winnowd->loop, &options);
}

/* What the jobs of the queue and of the refreshes work with. */
static void build_services(struct winnowd *winnowd)
{
    winnowd->services = (struct services){
        .loop = &winnowd->loop,
        .config = winnowd->config,
        .store = winnowd->store,
        .forge = winnowd->forge,
        .repository = winnowd->repository,
        .validation = winnowd->validation,
        .base = winnowd->base,
        .health = winnowd->health,
        .saved = winnowd->saved,
        .counters = &winnowd->counters,
        .host = winnowd->host,
    };
    count_steps(winnowd, &promotion_steps);
    count_steps(winnowd, &refresh_steps);
}

static int build_pipeline(struct winnowd *winnowd, struct error *error)
{
    winnowd->installation = (struct installation){
        .loop = &winnowd->loop,
        .config = winnowd->config,
        .forge = winnowd->forge,
        .repository = winnowd->repository,
        .sandbox = validation_own_sandbox(winnowd->validation),
        .tool = validation_tool(winnowd->validation),
    };
    health_new(&winnowd->health, &winnowd->installation, on_health_changed, winnowd);
    build_base(winnowd);
    build_saved(winnowd);
    build_services(winnowd);
    pulls_new(&winnowd->pulls, &winnowd->loop, &winnowd->services, on_pulls_changed, winnowd);
    winnowd->judging = !winnowd->once;
    if (start_refresh(winnowd, error) < 0 || start_queue(winnowd, error) < 0 ||
        (winnowd->judging && start_intake(winnowd, error) < 0))
        return fail(error, EX_IOERR);
    return EX_OK;
}

static int build(struct winnowd *winnowd)
{
    struct error error;
    int status;

    mallopt(M_ARENA_MAX, 1); /* the threads of the pool do little: no arena for each */
    uv_loop_init(&winnowd->loop);
    log_attach(&winnowd->loop);
    watch_signals(winnowd);
    log_configure(winnowd->config->log.level, winnowd->config->log.format);
    if (gethostname(winnowd->host, sizeof(winnowd->host) - 1) < 0)
        strcpy(winnowd->host, "localhost");
    status = build_tools(winnowd, &error);
    if (status == EX_OK)
        status = build_pipeline(winnowd, &error);
    if (status == EX_OK)
        report_new(&winnowd->report, &(struct report_options){
                                         .loop = &winnowd->loop,
                                         .config = winnowd->config,
                                         .store = winnowd->store,
                                         .forge = winnowd->forge,
                                         .health = winnowd->health,
                                         .base = winnowd->base,
                                         .queue = winnowd->queue,
                                         .refresh = winnowd->refresh,
                                         .counters = &winnowd->counters,
                                         .summaries = !winnowd->once,
                                     });
    return status;
}

static void tell_start(const struct winnowd *winnowd)
{
    log_event(&event_started, LOG_TEXT("version", WINNOWD_VERSION),
              LOG_TEXT("spool", winnowd->config->spool), LOG_TEXT("state", winnowd->config->state),
              LOG_TEXT("forge", winnowd->forge->web_url ? winnowd->forge->web_url
                                                        : winnowd->config->forge.path));
    log_event(validation_sandboxed(winnowd->validation) ? &event_sandbox : &event_no_sandbox,
              LOG_TEXT("reason", validation_sandbox(winnowd->validation)));
    if (geteuid() == 0)
        log_event(&event_running_as_root);
}

int winnowd_run(struct config *config, const char *path, bool once)
{
    struct winnowd winnowd = {.config = config, .path = path, .once = once};
    int status = build(&winnowd);

    if (status == EX_OK) {
        tell_start(&winnowd);
        winnowd.progress_at = uv_now(&winnowd.loop);
        if (store_is_unchecked(winnowd.store))
            winnowd.store_check = store_check(&winnowd.loop, winnowd.store, config->state,
                                              on_store_checked, &winnowd);
        if (!once)
            winnowd.keep = keep_new(&winnowd.loop, config, KEEP_FIRST_MS, NULL, NULL);
        else if (keep_is_due(config->state))
            winnowd.keep = keep_new(&winnowd.loop, config, 0, on_swept, &winnowd);
        if (once)
            once_begin(&winnowd);
        if (once && pulls_looked(winnowd.pulls))
            begin_judging(&winnowd);
        uv_run(&winnowd.loop, UV_RUN_DEFAULT);
        status = winnowd.status;
    }
    tear_down(&winnowd);
    log_event(&event_stopped, LOG_INTEGER("status", status));
    log_finish();
    return status;
}
