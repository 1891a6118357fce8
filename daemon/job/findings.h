#pragma once

/*
 * The findings of the steps of a job. Undos, later steps and the pull request's text read them.
 *
 * A step writes at most one finding: a JSON object in the store, under the step's name. Here is the form in
 * which steps use them. A finding is written before the step's call goes out and when the answer has come, in
 * one transaction with the job. It is read again after a restart.
 */

#include "daemon/base.h"
#include "daemon/git/hash.h"
#include "daemon/repository.h"
#include "daemon/validation/engine.h"
#include "daemon/validation/test-report.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct job_findings {
    struct {
        char commit[GIT_HASH_SIZE]; /* where the tests were run on the base; "": they were not */
    } base;
    struct {
        int64_t posted_ms;             /* when it was asked for; 0: not yet */
        char base_then[GIT_HASH_SIZE]; /* where the base pointed just before */
        /* where it was made; of a refresh: the new base; "": not known */
        char base[GIT_HASH_SIZE];
    } branch;
    struct {
        /* Where its branch was left; the base is merged into that. */
        char tip[GIT_HASH_SIZE];
        int64_t base_read_ms; /* just before branch.base was read, which has all earlier merges */
        unsigned merged;      /* how many pull requests were known as merged then */
        /* its branch is not ours to move: all that matters is whether the base has its change */
        bool stays;
        bool told;            /* an earlier refresh has commented that it failed */
        int64_t commented_ms; /* when the comment was asked for; 0: not yet */
        char *comment;        /* NULL: not written yet */
        bool title_stays;     /* a person has edited it; so is the next one */
        bool body_stays;
        bool edited; /* the other part was brought up to date */
    } refresh;
    struct repository_change change; /* commit "": not composed yet */
    struct {
        char commit[GIT_HASH_SIZE];      /* the one that passed; "": none did */
        char failed_once[GIT_HASH_SIZE]; /* one that failed on a flaky base, and is run again */
        char *command;
        char *output; /* the last lines */
        char *log;    /* path of the whole output; NULL: not kept */
        uint64_t duration_ms;
        struct engine_place place;    /* attempt 0: on this machine */
        struct test_count count;      /* of tests that ran */
        struct test_count base_count; /* on the base */
        enum base_state base;         /* as it was known at that time */
        char *base_reason;            /* why the base failed; NULL: it did not */
        bool repeated;                /* the tests failed at first, and the base is flaky */
        struct {
            /* that failed, and is to be compared with the base; "": none */
            char commit[GIT_HASH_SIZE];
            char settings[DIGEST_HEX_SIZE]; /* by which it failed: see settings_digest() */
            int64_t at_ms;                  /* when, since 1970 */
            char *reason;
            char *report; /* as test_report_write() returns it; NULL: the tests did not begin */
        } failed;
    } tests;
    bool push_sent;
    struct {
        char *title; /* NULL: not written yet */
        char *body;
        double reference; /* the reference that they show */
        double threshold; /* NaN: not known */
    } text;
    struct {
        int64_t posted_ms;       /* when it was asked for; 0: not yet */
        int64_t close_posted_ms; /* when its closing was asked for; 0: not yet */
    } pull;
};

/* Frees what it owns. */
void job_findings_clear(struct job_findings *findings);

/* How the finding of a step is written and read. */
struct job_finding {
    struct json_object *(*write)(const struct job_findings *findings); /* NULL: there is none yet */
    void (*read)(struct job_findings *findings, struct json_object *json);
};

/* Returns the finding as JSON; NULL: there is none yet. The caller frees it. File names are written byte by
 * byte, whatever their encoding. */
char *job_finding_write(const struct job_finding *finding, const struct job_findings *findings);

/* Reads a finding that job_finding_write() returned. Fails (permanent) if it is no JSON. */
int job_finding_read(const struct job_finding *finding, struct job_findings *findings,
                     const char *json, struct error *error);

extern const struct job_finding finding_base, finding_branch, finding_compose, finding_validate,
    finding_push, finding_describe, finding_pull, finding_tip, finding_edit, finding_comment;
