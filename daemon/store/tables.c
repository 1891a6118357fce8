/*
 * The tables as they are now, of which a new store is made. The migrations bring an older store to the same
 * tables.
 */

#include "daemon/store/internal.h"

#include <stddef.h>

const char *const store_tables[] = {
    /* One row for each drop, also for rejected ones and duplicates, and for each row of a log. */
    "CREATE TABLE results ("
    "  id INTEGER PRIMARY KEY,"
    "  experiment_id TEXT NOT NULL,"
    "  scope TEXT NOT NULL,"
    "  metric TEXT NOT NULL,"
    "  status TEXT NOT NULL,"
    "  after REAL,"
    "  before REAL,"
    "  has_change INTEGER NOT NULL,"
    "  file_name TEXT NOT NULL,"
    "  modified_ns INTEGER NOT NULL,"
    "  digest TEXT NOT NULL,"
    "  archived TEXT,"
    "  received_ms INTEGER NOT NULL,"
    "  job INTEGER NOT NULL DEFAULT 0," /* the one that is under way */
    "  decision TEXT NOT NULL DEFAULT 'queued',"
    "  reason TEXT NOT NULL DEFAULT '',"
    "  decided_ms INTEGER NOT NULL DEFAULT 0,"
    "  counts INTEGER NOT NULL DEFAULT 0," /* whether it counts for the frontier */
    "  reference REAL,"
    "  reference_result INTEGER NOT NULL DEFAULT 0,"
    "  measured TEXT NOT NULL DEFAULT '',"
    "  pull INTEGER NOT NULL DEFAULT 0,"
    "  pull_state TEXT,"
    "  patch TEXT," /* the file that it took, by its name in the spool */
    "  pull_looked INTEGER NOT NULL DEFAULT 0,"
    "  pull_url TEXT NOT NULL DEFAULT '',"
    "  mergeable INTEGER,"
    "  after_runs TEXT,"
    "  before_runs TEXT,"
    "  inode INTEGER NOT NULL DEFAULT 0,"
    "  moving INTEGER NOT NULL DEFAULT 0,"  /* whether its file is still to be moved */
    "  decided INTEGER NOT NULL DEFAULT 0," /* the number of its decision */
    "  head TEXT NOT NULL DEFAULT '',"      /* where the branch was left */
    "  base TEXT NOT NULL DEFAULT '',"      /* the commit of the base that is below it now */
    "  opened_on TEXT NOT NULL DEFAULT ''," /* and the one when it was opened */
    "  title_digest TEXT NOT NULL DEFAULT ''," /* as we sent it; if it differs, a person has edited it */
    "  body_digest TEXT NOT NULL DEFAULT '',"
    "  stale TEXT," /* why it could not be brought onto a later base */
    "  stale_on TEXT NOT NULL DEFAULT '',"
    "  log INTEGER NOT NULL DEFAULT 0,"
    "  line INTEGER NOT NULL DEFAULT 0,"
    "  unfinished INTEGER NOT NULL DEFAULT 0,"
    "  named TEXT," /* the commit that a row of a log names, which was kept or is a baseline */
    "  contained_in INTEGER NOT NULL DEFAULT 0,"
    "  superseded INTEGER NOT NULL DEFAULT 0,"
    "  line_digest TEXT NOT NULL DEFAULT ''," /* the line of the body that names others */
    "  body_sent TEXT NOT NULL DEFAULT '',"   /* the digest of the body with that line */
    "  saving INTEGER NOT NULL DEFAULT 0,"    /* whether its commit is still to be fetched */
    "  empty_on TEXT NOT NULL DEFAULT ''"     /* the base that was found to have its change */
    ")",
    /* A rejected drop or a duplicate reserves no experiment_id. */
    "CREATE UNIQUE INDEX results_experiment ON results (experiment_id)"
    "  WHERE decision NOT IN ('rejected', 'duplicate')",
    "CREATE INDEX results_frontier ON results (metric, scope, after) WHERE counts = 1",
    "CREATE INDEX results_queued ON results (metric, scope, modified_ns, file_name, id)"
    "  WHERE decision = 'queued' AND job = 0",
    "CREATE INDEX results_baseline ON results (metric, scope, modified_ns, file_name, id)"
    "  WHERE decision = 'queued' AND job = 0 AND status = 'baseline'",
    /* Finds the best of many equal values without sorting, from either end. */
    "CREATE INDEX results_lowest ON results (metric, scope, after, modified_ns, file_name, id)"
    "  WHERE decision = 'queued' AND job = 0",
    "CREATE INDEX results_highest ON results (metric, scope, after DESC, modified_ns, file_name,"
    "  id) WHERE decision = 'queued' AND job = 0",
    "CREATE INDEX results_reference ON results (reference_result) WHERE reference_result <> 0",
    "CREATE INDEX results_pull ON results (pull_state) WHERE pull_state IS NOT NULL",
    "CREATE INDEX results_measured ON results (measured) WHERE measured <> ''",
    /* For the count of each decision, and the last ones of it. Most rows are discarded. They are not in the
     * index: their count is the rest of all rows. */
    "CREATE INDEX results_decision ON results (decision, decided) WHERE decision <> 'discarded'",
    "CREATE INDEX results_patch ON results (patch, id) WHERE patch IS NOT NULL",
    "CREATE INDEX results_pull_number ON results (pull) WHERE pull <> 0",
    "CREATE INDEX results_moving ON results (file_name, inode) WHERE moving = 1",
    "CREATE INDEX results_decided ON results (decided)",
    "CREATE UNIQUE INDEX results_line ON results (log, line) WHERE log <> 0",
    "CREATE INDEX results_named ON results (log, substr(named, 1, 7)) WHERE named IS NOT NULL",
    "CREATE INDEX results_saving ON results (id) WHERE saving = 1",

    /* The content of a result, as long as it may be needed: as canonical JSON. */
    "CREATE TABLE contents (result INTEGER PRIMARY KEY, patch BLOB, parsed TEXT)",
    /* Results whose content was deleted, so that their saved commit may be dropped. */
    "CREATE TABLE released (result INTEGER PRIMARY KEY)",
    "CREATE TRIGGER contents_released AFTER DELETE ON contents BEGIN"
    "  INSERT OR IGNORE INTO released SELECT id FROM results WHERE id = old.result AND has_change "
    "= 1;"
    "END",

    /* Decisions that were replaced by a later one, with the values of the row at that time. */
    "CREATE TABLE decisions ("
    "  id INTEGER PRIMARY KEY,"
    "  result INTEGER NOT NULL,"
    "  experiment_id TEXT,"
    "  file_name TEXT NOT NULL,"
    "  digest TEXT NOT NULL,"
    "  decision TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  at_ms INTEGER NOT NULL,"
    "  metric TEXT,"
    "  scope TEXT,"
    "  status TEXT,"
    "  after REAL,"
    "  reference REAL,"
    "  measured TEXT,"
    "  pull INTEGER,"
    "  pull_url TEXT,"
    "  pull_state TEXT"
    ")",
    "CREATE INDEX decisions_told ON decisions (id) WHERE decision IN ('promoted', 'failed')",
    "CREATE TRIGGER results_history BEFORE UPDATE OF decided ON results"
    "  WHEN old.decided <> 0 AND new.decided <> old.decided BEGIN"
    "  INSERT INTO decisions (id, result, experiment_id, file_name, digest, decision, reason,"
    "  at_ms, metric, scope, status, after, reference, measured, pull, pull_url, pull_state)"
    "  VALUES (old.decided, old.id, old.experiment_id, old.file_name, old.digest, old.decision,"
    "  old.reason, old.decided_ms, old.metric, old.scope, old.status, old.after, old.reference,"
    "  old.measured, old.pull, old.pull_url, old.pull_state);"
    "END",

    "CREATE TABLE jobs ("
    "  id INTEGER PRIMARY KEY,"
    "  result INTEGER NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  started INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  faulty_since_ms INTEGER NOT NULL,"
    "  pull INTEGER NOT NULL,"
    "  reference REAL,"
    "  outcome TEXT NOT NULL,"
    "  reason TEXT,"
    "  failed_step TEXT,"
    "  turned_down_by INTEGER NOT NULL DEFAULT 0,"
    "  tried_ms INTEGER NOT NULL DEFAULT 0,"
    "  pull_url TEXT NOT NULL DEFAULT '',"
    "  step TEXT NOT NULL DEFAULT 'end',"
    "  kind INTEGER NOT NULL DEFAULT 0"
    ")",
    "CREATE INDEX jobs_under_way ON jobs (state) WHERE state <> 2",
    /* What a step found, as one JSON object. */
    "CREATE TABLE findings (job INTEGER NOT NULL, step TEXT NOT NULL, finding TEXT NOT NULL,"
    "  PRIMARY KEY (job, step)) WITHOUT ROWID",
    "CREATE TABLE steps ("
    "  id INTEGER PRIMARY KEY,"
    "  job INTEGER NOT NULL,"
    "  step TEXT NOT NULL,"
    "  what TEXT NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  reason TEXT,"
    "  at_ms INTEGER NOT NULL"
    ")",
    "CREATE INDEX steps_job ON steps (job)",

    /* Up to when changes of pull requests are known, when each open one was last looked at, and up to
     * when it is known what was merged. */
    "CREATE TABLE looking (changed_ms INTEGER NOT NULL, looked_ms INTEGER NOT NULL,"
    "  merged_ms INTEGER NOT NULL DEFAULT 0)",
    "INSERT INTO looking (changed_ms, looked_ms) VALUES (0, 0)",
    /* The first result whose file may not be moved. */
    "CREATE TABLE intake (first INTEGER NOT NULL)",
    "INSERT INTO intake VALUES (1)",
    /* Since when a file in the spool has waited for the patch that it names. */
    "CREATE TABLE awaiting (file_name TEXT PRIMARY KEY, inode INTEGER NOT NULL,"
    "  modified_ns INTEGER NOT NULL, since_ms INTEGER NOT NULL) WITHOUT ROWID",

    /* The measured commits that are in the base, whoever promoted them. */
    "CREATE TABLE merged (measured TEXT NOT NULL, merge_commit TEXT NOT NULL, at_ms INTEGER NOT "
    "NULL,"
    "  PRIMARY KEY (measured, merge_commit)) WITHOUT ROWID",
    "CREATE INDEX merged_at ON merged (at_ms)",
    /* The measured commits below that of a pull request. */
    "CREATE TABLE contained (result INTEGER NOT NULL, measured TEXT NOT NULL,"
    "  PRIMARY KEY (result, measured)) WITHOUT ROWID",
    "CREATE INDEX contained_measured ON contained (measured)",
    /* Pull requests to be closed, since one that contains them was merged or takes their place, or to be
     * opened again. `commented_ms`: when a comment was sent. If no answer came, it may still appear. */
    "CREATE TABLE closings (result INTEGER PRIMARY KEY, container INTEGER NOT NULL,"
    "  kind TEXT NOT NULL, step TEXT NOT NULL, commented_ms INTEGER NOT NULL DEFAULT 0)",

    /* Logs of many experiments. The ids of their rows begin with `stem`. A log is known by its
     * name, its header and its first row. `decision`: the column that says what was kept. */
    "CREATE TABLE logs ("
    "  id INTEGER PRIMARY KEY,"
    "  stem TEXT NOT NULL,"
    "  copy INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  header TEXT NOT NULL,"
    "  first TEXT NOT NULL,"
    "  last_line INTEGER NOT NULL DEFAULT 0,"
    "  modified_ns INTEGER NOT NULL DEFAULT 0,"
    "  decision INTEGER NOT NULL DEFAULT -1"
    ")",
    "CREATE UNIQUE INDEX logs_stem ON logs (stem, copy)",
    /* How far a followed log was read. */
    "CREATE TABLE places ("
    "  path TEXT PRIMARY KEY,"
    "  log INTEGER NOT NULL,"
    "  inode INTEGER NOT NULL,"
    "  offset INTEGER NOT NULL,"
    "  line INTEGER NOT NULL,"
    "  digest TEXT NOT NULL,"
    "  settings TEXT NOT NULL,"
    "  reader TEXT NOT NULL"
    ") WITHOUT ROWID",

    /* How the tests ran on commits of the base. */
    "CREATE TABLE bases ("
    "  base TEXT NOT NULL,"
    "  settings TEXT NOT NULL,"
    "  passed INTEGER NOT NULL,"
    "  flaky INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL,"
    "  duration_ms INTEGER NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  log TEXT,"
    "  report TEXT NOT NULL,"
    "  PRIMARY KEY (base, settings)"
    ") WITHOUT ROWID",
    "CREATE INDEX bases_at ON bases (at_ms)",
    /* The last run of an experiment on Slurm, and what the names of all of them begin with. */
    "CREATE TABLE runs (experiment_id TEXT PRIMARY KEY, over INTEGER NOT NULL, record TEXT NOT "
    "NULL)"
    "  WITHOUT ROWID",
    "CREATE INDEX runs_left ON runs (experiment_id) WHERE over = 0",
    "CREATE TABLE run_id (id TEXT NOT NULL)",
    "INSERT INTO run_id VALUES (lower(hex(randomblob(8))))",
    /* What held jobs when the daemon last ran, for --status without one; no row: nothing. */
    "CREATE TABLE hold (reason TEXT NOT NULL)",
    NULL,
};
