#include "daemon/command-line/holds.h"

#include "common/memory.h"
#include "daemon/installation.h"
#include "daemon/status/status-file.h"

#include <sysexits.h>
#include <uv.h>

struct question {
    char *why;
    int status;
};

static void on_answered(void *data, const struct installation_problems *problems)
{
    struct question *question = data;
    const struct installation_problem *first = installation_problems_first(problems);

    if (!first)
        return;
    question->why = memory_copy(first->error.message);
    question->status = first->status;
}

/* Asks what can be asked without the forge, its git, and a sandbox. */
static void ask_here(struct question *question, const struct config *config)
{
    struct installation installation = {.config = config};
    uv_loop_t loop;

    uv_loop_init(&loop);
    installation.loop = &loop;
    installation_ask(&installation, on_answered, question);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

char *holds_find(const struct config *config, int *status)
{
    struct question question = {0};
    struct status_file file;

    ask_here(&question, config);
    status_file_read(&file, config->state);
    if (!question.why && file.running && *file.held)
        question = (struct question){memory_copy(file.held), file.held_status};
    *status = question.status;
    return question.why;
}
