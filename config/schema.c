#include "config/schema.h"

#define AT(member)           .offset = offsetof(struct config, member)
#define OTHER(member)        .other = offsetof(struct config, member)
#define METRIC_AT(member)    .offset = offsetof(struct config_metric, member)
#define METRIC_OTHER(member) .other = offsetof(struct config_metric, member)
#define LOG_AT(member)       .offset = offsetof(struct config_log, member)

#define SECOND 1000.0
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define MEBIBYTE (1024.0 * 1024.0)
#define TEBIBYTE (1024.0 * 1024.0 * MEBIBYTE)

static const char *const forge_kinds[] = {"gitea", "local", NULL};
static const char *const directions[] = {"minimize", "maximize", NULL};
static const char *const references[] = {"best", "frontier", "before", NULL};
static const char *const sandboxes[] = {"auto", "bubblewrap", "none", NULL};
static const char *const engines[] = {"local", "slurm", NULL};
static const char *const networks[] = {"host", "none", NULL};
static const char *const base_runs[] = {"once", "on_failure", "never", NULL};
static const char *const orders[] = {"arrival", "best", NULL};
static const char *const refreshes[] = {"conflicted", "always", "never", NULL};
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const formats[] = {"auto", "journal", "logfmt", "json", NULL};

/* In the order in which --check-config explains them, keys of one group together. */
const struct config_key config_keys[] = {
    {"spool", CONFIG_TEXT, CONFIG_RESTART | CONFIG_STRIP_SLASH, AT(spool),
     .fallback = "/var/spool/winnowd", .check = config_check_path,
     .help = "the directory that is watched"},
    {"state", CONFIG_TEXT, CONFIG_RESTART | CONFIG_STRIP_SLASH, AT(state),
     .fallback = "/var/lib/winnowd", .check = config_check_path,
     .help = "directory of the daemon's store, repository and checkouts"},

    {"forge.kind", CONFIG_WORD, CONFIG_RESTART, AT(forge.kind), .fallback = "gitea",
     .words = forge_kinds, .help = "kind of the server with branches and pull requests"},
    {"forge.url", CONFIG_TEXT, CONFIG_RESTART | CONFIG_STRIP_SLASH, AT(forge.url),
     .fallback = "http://127.0.0.1:3000", .check = config_check_server, .environment = "GITEA_URL",
     .help = "address of the Gitea or Forgejo server"},
    {"forge.owner", CONFIG_TEXT, CONFIG_RESTART, AT(forge.owner), .check = config_check_name,
     .environment = "GITEA_OWNER", .help = "owner of the repository"},
    {"forge.repo", CONFIG_TEXT, CONFIG_RESTART, AT(forge.repo), .check = config_check_name,
     .environment = "GITEA_REPO", .help = "name of the repository"},
    {"forge.token_file", CONFIG_TEXT, CONFIG_RESTART, AT(forge.token_file),
     .check = config_check_path, .help = "file with the token"},
    {"forge.ca_file", CONFIG_TEXT, CONFIG_RESTART, AT(forge.ca_file), .check = config_check_path,
     .help = "certificates of a private authority"},
    {"forge.git_url", CONFIG_TEXT, CONFIG_RESTART, AT(forge.git_url), .check = config_check_git_url,
     .help = "what git fetches from and pushes to"},
    {"forge.path", CONFIG_TEXT, CONFIG_RESTART | CONFIG_STRIP_SLASH, AT(forge.path),
     .check = config_check_path, .help = "the bare repository of a local forge"},
    {"forge.outbox", CONFIG_TEXT, CONFIG_RESTART | CONFIG_STRIP_SLASH, AT(forge.outbox),
     .check = config_check_path, .help = "where a local forge writes its pull requests"},
    {"forge.base", CONFIG_TEXT, CONFIG_RESTART, AT(forge.base), .fallback = "main",
     .check = config_check_branch, .help = "the branch that pull requests are for"},
    {"forge.branch_prefix", CONFIG_TEXT, CONFIG_RESTART, AT(forge.branch_prefix),
     .fallback = "experiment/", .check = config_check_prefix,
     .help = "what the names of its branches begin with"},
    {"forge.labels", CONFIG_LIST, 0, AT(forge.labels), .fallback = "experiment",
     .check = config_check_label, .help = "labels of every pull request"},
    {"forge.create_labels", CONFIG_BOOL, 0, AT(forge.create_labels), .fallback = "true",
     .help = "whether missing labels are created"},
    {"forge.status", CONFIG_BOOL, 0, AT(forge.status), .fallback = "true",
     .help = "whether a commit status says that the tests passed"},
    {"forge.reviewers", CONFIG_LIST, 0, AT(forge.reviewers), .fallback = "",
     .check = config_check_name, .help = "users who are asked to review every pull request"},
    {"forge.timeout", CONFIG_DURATION, 0, AT(forge.timeout_ms), .fallback = "30s", .minimum = 1,
     .maximum = HOUR, .help = "time for one request"},
    {"forge.poll", CONFIG_DURATION, CONFIG_ZERO, AT(forge.poll_ms), .fallback = "5m", .minimum = 1,
     .maximum = 30 * DAY, .help = "how often changed pull requests are looked at; 0: never"},

    {"sources", CONFIG_LIST, CONFIG_RESTART | CONFIG_STRIP_SLASH, AT(sources), .fallback = "",
     .check = config_check_path, .help = "git repositories whose commits a result may name"},

    {"change.protect", CONFIG_LIST, 0, AT(change.protect),
     .fallback =
         "tox.ini tox.toml toxfile.py setup.cfg pyproject.toml **/conftest.py **/pytest.ini "
         "**/.pytest.ini noxfile.py Makefile .pre-commit-config.yaml .tox/** .gitmodules "
         ".gitattributes .lfsconfig .gitea/** .forgejo/** .github/**",
     .check = config_check_glob, .help = "files that no change may touch"},
    {"change.exclude", CONFIG_LIST, 0, AT(change.exclude),
     .fallback = "results.tsv autoresearch.jsonl .auto/**", .check = config_check_glob,
     .help = "files that stay as they are on the base"},
    {"change.author", CONFIG_AUTHOR, 0, AT(change.author_name), OTHER(change.author_email),
     .fallback = "winnowd <winnowd@localhost>", .help = "author of the composed commit"},

    {"validation.command", CONFIG_LIST, CONFIG_NOT_EMPTY, AT(validation.command),
     .fallback = "tox -e unit", .check = config_check_argument,
     .help = "program that runs the tests, and its arguments"},
    {"validation.engine", CONFIG_WORD, CONFIG_RESTART, AT(validation.engine), .fallback = "local",
     .words = engines, .help = "where the tests run: on this machine, or as jobs of Slurm"},
    {"validation.directory", CONFIG_TEXT, CONFIG_RESTART | CONFIG_STRIP_SLASH,
     AT(validation.directory), .check = config_check_path,
     .help = "directory of the runs; for Slurm at the same path on this machine and the nodes"},
    {"validation.slurm.options", CONFIG_LIST, 0, AT(validation.slurm.options), .fallback = "",
     .check = config_check_slurm_option, .help = "options for sbatch"},
    {"validation.slurm.poll", CONFIG_DURATION, 0, AT(validation.slurm.poll_ms), .fallback = "30s",
     .minimum = SECOND, .maximum = HOUR, .help = "how often Slurm is asked for all runs"},
    {"validation.launcher", CONFIG_LIST, 0, AT(validation.launcher), .fallback = "",
     .check = config_check_launcher, .help = "what is put before the command"},
    {"validation.timeout", CONFIG_DURATION, 0, AT(validation.timeout_ms), .fallback = "30m",
     .minimum = 1, .maximum = 30 * DAY, .help = "time for one run of the command, where it runs"},
    {"validation.output_lines", CONFIG_COUNT, 0, AT(validation.output_lines), .fallback = "50",
     .minimum = 0, .maximum = 10000,
     .help = "last lines of the output that the pull request shows"},
    {"validation.environment", CONFIG_VARIABLES, CONFIG_HIDE_VALUES, AT(validation.environment),
     .fallback = "", .check = config_check_variable, .help = "variables that the tests get"},
    {"validation.pass_environment", CONFIG_LIST, 0, AT(validation.pass_environment), .fallback = "",
     .check = config_check_variable,
     .help = "variables that the tests get from the daemon's environment"},
    {"validation.expect", CONFIG_TEXT, 0, AT(validation.expect), .check = config_check_expression,
     .help = "what a line of the output must match to pass"},
    {"validation.base", CONFIG_WORD, 0, AT(validation.base), .fallback = "once", .words = base_runs,
     .help = "when the tests are run on the base, too: once for each of its commits, only after a "
             "failure, or never"},
    {"validation.sandbox", CONFIG_WORD, CONFIG_RESTART, AT(validation.sandbox), .fallback = "auto",
     .words = sandboxes, .help = "what keeps the tests apart from the machine"},
    {"validation.cache", CONFIG_BOOL, 0, AT(validation.cache), .fallback = "true",
     .help = "whether each run sees what the run on the base left in ~/.cache"},
    {"validation.cache_limit", CONFIG_SIZE, 0, AT(validation.cache_limit), .fallback = "20G",
     .minimum = MEBIBYTE, .maximum = 1024 * TEBIBYTE, .help = "size above which that is not kept"},
    {"validation.read_only", CONFIG_LIST, CONFIG_STRIP_SLASH, AT(validation.read_only),
     .fallback = "", .check = config_check_path, .help = "directories that the tests may read"},
    {"validation.history", CONFIG_COUNT, 0, AT(validation.history), .fallback = "50", .minimum = 0,
     .maximum = 1000000000, .help = "commits in the checkout, or back to the nearest tag; 0: all"},
    {"validation.network", CONFIG_WORD, CONFIG_RESTART, AT(validation.network), .fallback = "host",
     .words = networks, .help = "what the tests see of the network"},
    {"validation.requires", CONFIG_LIST, 0, AT(validation.requires), .fallback = "",
     .check = config_check_url, .help = "URLs that must answer before a validation starts"},
    {"validation.limits.memory", CONFIG_SIZE, CONFIG_ZERO, AT(validation.limits.memory),
     .fallback = "0", .minimum = 16 * MEBIBYTE, .maximum = 1024 * TEBIBYTE,
     .help = "address space of one process; 0: no limit"},
    {"validation.limits.processes", CONFIG_COUNT, 0, AT(validation.limits.processes),
     .fallback = "4096", .minimum = 0, .maximum = 4194304,
     .help = "processes at a time, threads included; 0: no limit"},
    {"validation.limits.file_size", CONFIG_SIZE, CONFIG_ZERO, AT(validation.limits.file_size),
     .fallback = "16G", .minimum = MEBIBYTE, .maximum = 1024 * TEBIBYTE,
     .help = "size of one file; 0: no limit"},
    {"validation.limits.cpu_time", CONFIG_DURATION, CONFIG_ZERO, AT(validation.limits.cpu_time_ms),
     .fallback = "0", .minimum = SECOND, .maximum = 365 * DAY,
     .help = "processor time of one process; 0: no limit"},

    {"queue.parallel", CONFIG_COUNT, 0, AT(queue.parallel), .fallback = "1", .minimum = 1,
     .maximum = 64, .help = "jobs that run at a time"},
    {"queue.max_open_pulls", CONFIG_COUNT, 0, AT(queue.max_open_pulls), .fallback = "0",
     .minimum = 0, .maximum = 1000000,
     .help = "open pull requests at which jobs wait; 0: no limit"},
    {"queue.order", CONFIG_WORD, 0, AT(queue.order), .fallback = "arrival", .words = orders,
     .help = "which result has its turn next"},
    {"queue.retry_for", CONFIG_DURATION, CONFIG_ZERO, AT(queue.retry_for_ms), .fallback = "24h",
     .minimum = 1, .maximum = 365 * DAY, .help = "how long transient faults are retried"},

    {"pulls.refresh", CONFIG_WORD, 0, AT(pulls.refresh), .fallback = "conflicted",
     .words = refreshes, .help = "which open pull requests are refreshed when the base has moved"},
    {"pulls.supersede", CONFIG_BOOL, 0, AT(pulls.supersede), .fallback = "false",
     .help = "whether a new pull request closes the open ones that it contains"},

    {"keep.validation_logs", CONFIG_DURATION, CONFIG_ZERO, AT(keep.validation_logs_ms),
     .fallback = "30d", .minimum = HOUR, .maximum = 36500 * DAY,
     .help = "how long the output of validations is kept; 0: for ever"},
    {"keep.archive", CONFIG_DURATION, CONFIG_ZERO, AT(keep.archive_ms), .fallback = "0",
     .minimum = HOUR, .maximum = 36500 * DAY,
     .help = "how long results are kept in the archive; 0: for ever"},
    {"keep.rejected", CONFIG_DURATION, CONFIG_ZERO, AT(keep.rejected_ms), .fallback = "0",
     .minimum = HOUR, .maximum = 36500 * DAY,
     .help = "how long rejected files are kept; 0: for ever"},

    {"log.level", CONFIG_WORD, 0, AT(log.level), .fallback = "info", .words = levels,
     .help = "lowest level that is logged"},
    {"log.format", CONFIG_WORD, 0, AT(log.format), .fallback = "auto", .words = formats,
     .help = "form of a line"},
    {"log.status_every", CONFIG_DURATION, CONFIG_ZERO, AT(log.status_every_ms), .fallback = "15m",
     .minimum = 1, .maximum = 365 * DAY, .help = "time between two summaries; 0: never"},

    {"status.textfile", CONFIG_TEXT, 0, AT(status.textfile), .check = config_check_path,
     .help = "file with figures for Prometheus' node_exporter"},
    {NULL},
};

const struct config_key config_metric_keys[] = {
    {"direction", CONFIG_WORD, CONFIG_REQUIRED, METRIC_AT(direction), .words = directions,
     .help = "which values are better"},
    {"baseline", CONFIG_NUMBER, 0, METRIC_AT(baseline), METRIC_OTHER(has_baseline),
     .minimum = -1.7976931348623157e308, .maximum = 1.7976931348623157e308,
     .help = "a first reference"},
    {"min_delta", CONFIG_NUMBER, 0, METRIC_AT(min_delta), .fallback = "0", .minimum = 0,
     .maximum = 1e300, .help = "a result must be better by more than this"},
    {"min_relative", CONFIG_NUMBER, 0, METRIC_AT(min_relative), .fallback = "0", .minimum = 0,
     .maximum = 1e300, .help = "the same as a fraction of the reference"},
    {"reference", CONFIG_WORD, 0, METRIC_AT(reference), .fallback = "best", .words = references,
     .help = "what a result must beat"},
    {NULL},
};

const struct config_key *const config_stated_metric_keys = &config_metric_keys[2];

const struct config_key config_log_keys[] = {
    {"path", CONFIG_TEXT, CONFIG_REQUIRED, LOG_AT(path), .check = config_check_text,
     .help = "path of a log that is followed, or name of one that is dropped"},
    {"repository", CONFIG_TEXT, CONFIG_STRIP_SLASH, LOG_AT(repository), .check = config_check_path,
     .help = "which of sources has its commits"},
    {"metric", CONFIG_TEXT, 0, LOG_AT(metric), .check = config_check_metric,
     .help = "which of metrics its values are of"},
    {"columns.metric", CONFIG_TEXT, 0, LOG_AT(columns.metric), .check = config_check_text,
     .help = "column with the value: its name, or its number from 1"},
    {"columns.status", CONFIG_TEXT, 0, LOG_AT(columns.status), .check = config_check_text,
     .help = "column that says whether a row was kept"},
    {"columns.commit", CONFIG_TEXT, 0, LOG_AT(columns.commit), .check = config_check_text,
     .help = "column with the commit"},
    {"columns.hypothesis", CONFIG_TEXT, 0, LOG_AT(columns.hypothesis), .check = config_check_text,
     .help = "column that says what was tried"},
    {"status.keep", CONFIG_LIST, 0, LOG_AT(status.keep), .fallback = "", .check = config_check_text,
     .help = "more words for what was kept"},
    {"status.discard", CONFIG_LIST, 0, LOG_AT(status.discard), .fallback = "",
     .check = config_check_text, .help = "more words for what was discarded"},
    {"status.crash", CONFIG_LIST, 0, LOG_AT(status.crash), .fallback = "",
     .check = config_check_text, .help = "more words for what crashed"},
    {"only", CONFIG_VARIABLES, 0, LOG_AT(only), .fallback = "", .check = config_check_cell,
     .help = "columns, each with the value that a row must have"},
    {"baselines", CONFIG_LIST, 0, LOG_AT(baselines), .fallback = "", .check = config_check_line,
     .help = "lines at which a new reference begins"},
    {"experiment_prefix", CONFIG_TEXT, 0, LOG_AT(experiment_prefix),
     .check = config_check_experiment_prefix, .help = "what its experiment_ids begin with"},
    {NULL},
};
