/*
 * The migrations of older stores. Each entry brings a store from the version that is its index to the next
 * one. A released entry never changes. tables.c has the tables that they lead to, and a test compares the
 * two.
 */

#include "daemon/result.h"
#include "daemon/store/internal.h"

#include <stdlib.h>

const char *const store_migrations[] = {
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
    "  pull_state TEXT"
    ");"
    /* A rejected drop reserves no experiment_id. */
    "CREATE UNIQUE INDEX results_experiment ON results (experiment_id)"
    "  WHERE decision <> 'rejected';"
    "CREATE INDEX results_frontier ON results (metric, scope, after) WHERE counts = 1;"
    "CREATE INDEX results_queued ON results (metric, scope, modified_ns, file_name, id)"
    "  WHERE decision = 'queued' AND job = 0;"
    "CREATE INDEX results_best ON results (metric, scope, after)"
    "  WHERE decision = 'queued' AND job = 0;"
    "CREATE INDEX results_baseline ON results (metric, scope, modified_ns, file_name, id)"
    "  WHERE decision = 'queued' AND job = 0 AND status = 'baseline';"
    "CREATE INDEX results_misplaced ON results (id)"
    "  WHERE decision = 'rejected' AND archived IS NOT NULL;"
    "CREATE INDEX results_reference ON results (reference_result) WHERE reference_result <> 0;"
    "CREATE INDEX results_pull ON results (pull_state) WHERE pull_state IS NOT NULL;"
    "CREATE INDEX results_measured ON results (measured) WHERE measured <> '';"
    "CREATE TABLE contents ("
    "  result INTEGER PRIMARY KEY,"
    "  bytes BLOB NOT NULL,"
    "  patch BLOB"
    ");"
    "CREATE TABLE decisions ("
    "  id INTEGER PRIMARY KEY,"
    "  result INTEGER NOT NULL," /* 0: a file that became no result */
    "  experiment_id TEXT,"
    "  file_name TEXT NOT NULL,"
    "  digest TEXT NOT NULL,"
    "  decision TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  at_ms INTEGER NOT NULL"
    ");"
    "CREATE INDEX decisions_decision ON decisions (decision);"
    "CREATE TABLE moves ("
    "  id INTEGER PRIMARY KEY,"
    "  result INTEGER NOT NULL,"
    "  name BLOB NOT NULL,"
    "  inode INTEGER NOT NULL,"
    "  place INTEGER NOT NULL,"
    "  day TEXT,"
    "  reason TEXT,"
    "  patch TEXT"
    ");"
    "CREATE TABLE jobs ("
    "  id INTEGER PRIMARY KEY,"
    "  result INTEGER NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  step INTEGER NOT NULL,"
    "  started INTEGER NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  faulty_since_ms INTEGER NOT NULL,"
    "  branch_posted_ms INTEGER NOT NULL,"
    "  base_then TEXT NOT NULL,"
    "  base TEXT NOT NULL,"
    "  composed TEXT NOT NULL,"
    "  measured TEXT NOT NULL,"
    "  push_sent INTEGER NOT NULL,"
    "  pull_posted_ms INTEGER NOT NULL,"
    "  pull INTEGER NOT NULL,"
    "  close_posted_ms INTEGER NOT NULL,"
    "  reference REAL,"
    "  outcome TEXT NOT NULL,"
    "  reason TEXT,"
    "  failed_step TEXT"
    ");"
    "CREATE INDEX jobs_under_way ON jobs (state) WHERE state <> 2;"
    "CREATE TABLE documents ("
    "  job INTEGER PRIMARY KEY,"
    "  title TEXT NOT NULL,"
    "  body TEXT NOT NULL"
    ");"
    "CREATE TABLE steps ("
    "  id INTEGER PRIMARY KEY,"
    "  job INTEGER NOT NULL,"
    "  step TEXT NOT NULL,"
    "  what TEXT NOT NULL,"
    "  attempt INTEGER NOT NULL,"
    "  reason TEXT,"
    "  at_ms INTEGER NOT NULL"
    ");"
    "CREATE INDEX steps_job ON steps (job);",
    /* Finds the best of many equal values without sorting, from either end. Counting reads no rows. */
    "DROP INDEX results_best;"
    "CREATE INDEX results_lowest ON results (metric, scope, after, modified_ns, file_name, id)"
    "  WHERE decision = 'queued' AND job = 0;"
    "CREATE INDEX results_highest ON results (metric, scope, after DESC, modified_ns, file_name, "
    "id)"
    "  WHERE decision = 'queued' AND job = 0;"
    "CREATE INDEX results_decision ON results (decision);"
    "CREATE INDEX results_newest_pull ON results (decided_ms, id) WHERE pull_state IS NOT NULL;"
    "DROP INDEX decisions_decision;"
    "CREATE INDEX decisions_files ON decisions (decision, result) WHERE result = 0;"
    "CREATE INDEX moves_name ON moves (name, inode);"
    "ALTER TABLE jobs ADD COLUMN turned_down_by INTEGER NOT NULL DEFAULT 0;",
    /* Who took a patch file, by its name in the spool. */
    "ALTER TABLE results ADD COLUMN patch TEXT;"
    "CREATE INDEX results_patch ON results (patch, id) WHERE patch IS NOT NULL;"
    "CREATE INDEX moves_patch ON moves (patch) WHERE patch IS NOT NULL;",
    "ALTER TABLE jobs ADD COLUMN tried_ms INTEGER NOT NULL DEFAULT 0;",
    /* Up to when changes of pull requests are known, and when each open one was last looked at. */
    "CREATE TABLE looking (changed_ms INTEGER NOT NULL, looked_ms INTEGER NOT NULL);"
    "INSERT INTO looking VALUES (0, 0);"
    "CREATE INDEX results_pull_number ON results (pull) WHERE pull <> 0;"
    "ALTER TABLE results ADD COLUMN pull_looked INTEGER NOT NULL DEFAULT 0;",
    /* What a person looks at. */
    "ALTER TABLE jobs ADD COLUMN pull_url TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE results ADD COLUMN pull_url TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE results ADD COLUMN mergeable INTEGER;"
    "CREATE INDEX decisions_told ON decisions (id) WHERE decision IN ('promoted', 'failed');",
    /* The runs of a measurement, and the result as canonical JSON, whatever kind of file it came from. */
    "ALTER TABLE results ADD COLUMN after_runs TEXT;"
    "ALTER TABLE results ADD COLUMN before_runs TEXT;"
    "ALTER TABLE contents ADD COLUMN parsed TEXT;"
    "UPDATE contents SET parsed = canonical((SELECT file_name FROM results WHERE id = result),"
    " bytes);",
    /* One row for each drop, also for rejected ones and duplicates. `decided` is the number of its
     * decision. The history only has decisions that were replaced. The row says whether its file is
     * still to be moved. */
    "ALTER TABLE results ADD COLUMN inode INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE results ADD COLUMN moving INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE results ADD COLUMN decided INTEGER NOT NULL DEFAULT 0;"
    "UPDATE results SET moving = 1 WHERE decision = 'rejected' AND archived IS NOT NULL;"
    "DROP INDEX results_misplaced;"
    "DROP INDEX results_experiment;"
    "CREATE UNIQUE INDEX results_experiment ON results (experiment_id)"
    "  WHERE decision NOT IN ('rejected', 'duplicate');"
    "UPDATE results SET decided = d.id"
    "  FROM (SELECT max(id) AS id, result FROM decisions WHERE result <> 0 GROUP BY result) d"
    "  WHERE d.result = results.id AND decision <> 'queued';"
    "DELETE FROM decisions WHERE id IN (SELECT decided FROM results);"
    "INSERT INTO results (experiment_id, scope, metric, status, has_change, file_name, modified_ns,"
    "  digest, received_ms, decision, reason, decided_ms, decided)"
    "  SELECT coalesce(experiment_id, ''), '', '', '', 0, file_name, 0, digest, at_ms, decision,"
    "  reason, at_ms, id FROM decisions WHERE result = 0 ORDER BY id;"
    "DROP INDEX decisions_files;"
    "DELETE FROM decisions WHERE result = 0;"
    "UPDATE results SET moving = 1, inode = m.inode, patch = m.patch,"
    "  archived = iif(m.place, '.rejected/', '.archive/' || m.day || '/') || CAST(m.name AS TEXT)"
    "  FROM (SELECT *, max(id) FROM moves GROUP BY name) m WHERE results.id = iif(m.result, "
    "m.result,"
    "  (SELECT max(id) FROM results r WHERE r.file_name = CAST(m.name AS TEXT)"
    "   AND r.decision IN ('rejected', 'duplicate')));"
    "DROP TABLE moves;"
    "CREATE INDEX results_moving ON results (file_name, inode) WHERE moving = 1;"
    "CREATE INDEX results_decided ON results (decided);"
    "CREATE INDEX results_told ON results (decided) WHERE decision IN ('promoted', 'failed');"
    "CREATE TABLE intake (first INTEGER NOT NULL);" /* the first whose file may not be moved */
    "INSERT INTO intake SELECT coalesce(max(id), 0) + 1 FROM results;"
    "CREATE TRIGGER results_history BEFORE UPDATE OF decided ON results"
    "  WHEN old.decided <> 0 AND new.decided <> old.decided BEGIN"
    "  INSERT INTO decisions (id, result, experiment_id, file_name, digest, decision, reason, "
    "at_ms)"
    "  VALUES (old.decided, old.id, old.experiment_id, old.file_name, old.digest, old.decision,"
    "  old.reason, old.decided_ms);"
    "END;",
    /* The measured commits that are in the base, whoever promoted them, and up to when that is known. */
    "CREATE TABLE merged (measured TEXT NOT NULL, merge_commit TEXT NOT NULL, at_ms INTEGER NOT "
    "NULL,"
    "  PRIMARY KEY (measured, merge_commit)) WITHOUT ROWID;"
    "CREATE INDEX merged_at ON merged (at_ms);"
    "ALTER TABLE looking ADD COLUMN merged_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN merge_base TEXT NOT NULL DEFAULT '';",
    /* A step is known by its name, and its finding is one JSON object. Findings that an earlier version
     * kept in memory only are found again by composing and testing once more. If title and body were
     * written already, nothing else is needed. */
    "CREATE TABLE findings ("
    "  job INTEGER NOT NULL,"
    "  step TEXT NOT NULL,"
    "  finding TEXT NOT NULL,"
    "  PRIMARY KEY (job, step)"
    ") WITHOUT ROWID;"
    "INSERT INTO findings SELECT id, 'branch', json_object('posted_ms', branch_posted_ms,"
    " 'base_then', base_then, 'base', base) FROM jobs WHERE state <> 2 AND branch_posted_ms <> 0;"
    "INSERT INTO findings SELECT id, 'compose', json_object('commit', composed,"
    " 'measured', measured, 'merge_base', merge_base) FROM jobs WHERE state <> 2 AND composed <> "
    "'';"
    "INSERT INTO findings SELECT id, 'push', json_object('sent', json('true'))"
    " FROM jobs WHERE state <> 2 AND push_sent;"
    "INSERT INTO findings SELECT id, 'pull', json_object('posted_ms', pull_posted_ms,"
    " 'close_posted_ms', close_posted_ms) FROM jobs WHERE state <> 2 AND pull_posted_ms <> 0;"
    "INSERT INTO findings SELECT id, 'describe', json_object('title', title, 'body', body,"
    " 'reference', reference) FROM documents JOIN jobs ON id = job WHERE state <> 2;"
    "ALTER TABLE jobs ADD COLUMN step_name TEXT NOT NULL DEFAULT 'end';"
    "UPDATE jobs SET step_name = CASE"
    "  WHEN step < 0 OR step > 6 THEN 'end'"
    "  WHEN state = 1 THEN CASE step WHEN 0 THEN 'branch' WHEN 1 THEN 'compose'"
    "    WHEN 2 THEN 'validate' WHEN 3 THEN 'push' WHEN 4 THEN 'pull' WHEN 5 THEN 'label'"
    "    ELSE 'review' END"
    "  WHEN step = 0 AND NOT started THEN 'recheck'"
    "  WHEN step = 0 THEN 'branch'"
    "  WHEN step < 3 THEN 'compose'"
    "  WHEN step = 4 AND started THEN 'pull'"
    "  WHEN step = 5 THEN 'label'"
    "  WHEN step = 6 THEN 'review'"
    "  WHEN id NOT IN (SELECT job FROM documents) THEN 'compose'"
    "  WHEN step = 4 THEN 'confirm'"
    "  WHEN started THEN 'push'"
    "  ELSE 'judge' END"
    " WHERE state <> 2;"
    "DROP TABLE documents;"
    "ALTER TABLE jobs DROP COLUMN step;"
    "ALTER TABLE jobs RENAME COLUMN step_name TO step;"
    "ALTER TABLE jobs DROP COLUMN branch_posted_ms;"
    "ALTER TABLE jobs DROP COLUMN base_then;"
    "ALTER TABLE jobs DROP COLUMN base;"
    "ALTER TABLE jobs DROP COLUMN composed;"
    "ALTER TABLE jobs DROP COLUMN measured;"
    "ALTER TABLE jobs DROP COLUMN merge_base;"
    "ALTER TABLE jobs DROP COLUMN push_sent;"
    "ALTER TABLE jobs DROP COLUMN pull_posted_ms;"
    "ALTER TABLE jobs DROP COLUMN close_posted_ms;",
    /* How a pull request was left: where its branch points, which commits of the base are below that now and
     * were when it was opened, digests of title and body. And why it was not brought onto a later base. */
    "ALTER TABLE jobs ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE results ADD COLUMN head TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE results ADD COLUMN base TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE results ADD COLUMN opened_on TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE results ADD COLUMN title_digest TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE results ADD COLUMN body_digest TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE results ADD COLUMN stale TEXT;"
    "ALTER TABLE results ADD COLUMN stale_on TEXT NOT NULL DEFAULT '';",
    /* Logs of many experiments. The ids of their rows begin with `stem`; a log is known by its name,
     * its header and its first row. `named`: the commit that a row which was kept, or is a baseline, names. */
    "CREATE TABLE logs ("
    "  id INTEGER PRIMARY KEY,"
    "  stem TEXT NOT NULL,"
    "  copy INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  header TEXT NOT NULL,"
    "  first TEXT NOT NULL,"
    "  last_line INTEGER NOT NULL DEFAULT 0,"
    "  modified_ns INTEGER NOT NULL DEFAULT 0"
    ");"
    "CREATE UNIQUE INDEX logs_stem ON logs (stem, copy);"
    "ALTER TABLE results ADD COLUMN log INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE results ADD COLUMN line INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE results ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE results ADD COLUMN named TEXT;"
    "CREATE UNIQUE INDEX results_line ON results (log, line) WHERE log <> 0;"
    "CREATE INDEX results_named ON results (log, substr(named, 1, 7)) WHERE named IS NOT NULL;",
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
    ") WITHOUT ROWID;"
    "CREATE INDEX bases_at ON bases (at_ms);",
    /* The measured commits below that of a pull request, and what is to be done with the pull requests of
     * those experiments. They are closed if one that contains them was merged or takes their place, or they
     * are opened again. */
    "CREATE TABLE contained (result INTEGER NOT NULL, measured TEXT NOT NULL,"
    "  PRIMARY KEY (result, measured)) WITHOUT ROWID;"
    "CREATE INDEX contained_measured ON contained (measured);"
    "CREATE TABLE closings ("
    "  result INTEGER PRIMARY KEY,"
    "  container INTEGER NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  step TEXT NOT NULL"
    ");"
    "ALTER TABLE results ADD COLUMN contained_in INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE results ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0;",
    /* The line of a body that names the pull requests that contain each other, and the body that was sent
     * with it, as digests. */
    ("ALTER TABLE results ADD COLUMN line_digest TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE results ADD COLUMN body_sent TEXT NOT NULL DEFAULT '';"),
    /* Since when a file in the spool has waited for the patch that it names. */
    "CREATE TABLE awaiting ("
    "  file_name TEXT PRIMARY KEY,"
    "  inode INTEGER NOT NULL,"
    "  modified_ns INTEGER NOT NULL,"
    "  since_ms INTEGER NOT NULL"
    ") WITHOUT ROWID;",
    /* When a comment was sent: without an answer it may yet be on its way. */
    "ALTER TABLE closings ADD COLUMN commented_ms INTEGER NOT NULL DEFAULT 0;",
    /* Queued results whose commit has yet to be fetched into our own repository. */
    "ALTER TABLE results ADD COLUMN saving INTEGER NOT NULL DEFAULT 0;"
    "UPDATE results SET saving = 1 WHERE decision = 'queued' AND has_change = 1;"
    "CREATE INDEX results_saving ON results (id) WHERE saving = 1;",
    /* The subject of a decision that was replaced. The row has that of the present one. */
    "ALTER TABLE decisions ADD COLUMN metric TEXT;"
    "ALTER TABLE decisions ADD COLUMN scope TEXT;"
    "ALTER TABLE decisions ADD COLUMN status TEXT;"
    "ALTER TABLE decisions ADD COLUMN after REAL;"
    "ALTER TABLE decisions ADD COLUMN reference REAL;"
    "ALTER TABLE decisions ADD COLUMN measured TEXT;"
    "ALTER TABLE decisions ADD COLUMN pull INTEGER;"
    "ALTER TABLE decisions ADD COLUMN pull_url TEXT;"
    "ALTER TABLE decisions ADD COLUMN pull_state TEXT;"
    "UPDATE decisions SET metric = r.metric, scope = r.scope, status = r.status, after = r.after"
    "  FROM results r WHERE r.id = decisions.result;"
    "DROP TRIGGER results_history;"
    "CREATE TRIGGER results_history BEFORE UPDATE OF decided ON results"
    "  WHEN old.decided <> 0 AND new.decided <> old.decided BEGIN"
    "  INSERT INTO decisions (id, result, experiment_id, file_name, digest, decision, reason,"
    "  at_ms, metric, scope, status, after, reference, measured, pull, pull_url, pull_state)"
    "  VALUES (old.decided, old.id, old.experiment_id, old.file_name, old.digest, old.decision,"
    "  old.reason, old.decided_ms, old.metric, old.scope, old.status, old.after, old.reference,"
    "  old.measured, old.pull, old.pull_url, old.pull_state);"
    "END;",
    /* How far a followed log was read, and which column of a log says what was kept. */
    "ALTER TABLE logs ADD COLUMN decision INTEGER NOT NULL DEFAULT -1;"
    "CREATE TABLE places ("
    "  path TEXT PRIMARY KEY,"
    "  log INTEGER NOT NULL,"
    "  inode INTEGER NOT NULL,"
    "  offset INTEGER NOT NULL,"
    "  line INTEGER NOT NULL,"
    "  digest TEXT NOT NULL,"
    "  settings TEXT NOT NULL,"
    "  reader TEXT NOT NULL"
    ") WITHOUT ROWID;",
    /* Results whose content was deleted, so that their saved commit may be dropped. */
    "CREATE TABLE released (result INTEGER PRIMARY KEY);"
    "CREATE TRIGGER contents_released AFTER DELETE ON contents BEGIN"
    "  INSERT OR IGNORE INTO released SELECT id FROM results WHERE id = old.result AND has_change "
    "= 1;"
    "END;",
    /* The last run of an experiment on Slurm, and what the names of all of them begin with. */
    "CREATE TABLE runs ("
    "  experiment_id TEXT PRIMARY KEY,"
    "  over INTEGER NOT NULL,"
    "  record TEXT NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE INDEX runs_left ON runs (experiment_id) WHERE over = 0;"
    "CREATE TABLE run_id (id TEXT NOT NULL);"
    "INSERT INTO run_id VALUES (lower(hex(randomblob(8))));",
    /* What held jobs when the daemon last ran, for --status without one; no row: nothing. */
    "CREATE TABLE hold (reason TEXT NOT NULL);",
    /* Each index costs time for each row. So one index replaces three. */
    "DROP INDEX results_decision;"
    "DROP INDEX results_told;"
    "DROP INDEX results_newest_pull;"
    "CREATE INDEX results_decision ON results (decision, decided) WHERE decision <> 'discarded';",
    /* A result is kept once, as canonical JSON. */
    "ALTER TABLE contents DROP COLUMN bytes;",
    /* The base that was found to have the change of a pull request. */
    "ALTER TABLE results ADD COLUMN empty_on TEXT NOT NULL DEFAULT '';",
};

const int store_version = sizeof(store_migrations) / sizeof(store_migrations[0]);

/* For migrations: the SQL function canonical(file name, bytes) returns the result as canonical JSON; NULL if
 * this version refuses the file. */
static void canonical(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *file_name = (const char *)sqlite3_value_text(values[0]);
    const char *bytes = sqlite3_value_blob(values[1]); /* NULL if it is empty */
    CLEANUP(result_freep) struct result *result = NULL;
    CLEANUP_FREE char *experiment_id = NULL;
    struct error ignored;

    (void)count;
    if (file_name && result_parse(&result, &experiment_id, file_name, bytes ? bytes : "",
                                  (size_t)sqlite3_value_bytes(values[1]), &ignored) == 0)
        sqlite3_result_text(context, result_canonical(result), -1, free);
}

int store_add_canonical(struct store *store, struct error *error)
{
    if (sqlite3_create_function(store->database, "canonical", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                NULL, canonical, NULL, NULL) == SQLITE_OK)
        return 0;
    return store_failed(store, "opening", error);
}
