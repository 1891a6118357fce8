#pragma once

/*
 * The events of the log, one per row: name, message, level, the journal's MESSAGE_ID. Users filter by the
 * identifier, so it never changes.
 */

#include "common/log.h"

/* clang-format off */
#define EVENTS(EVENT) \
    EVENT(started, "winnowd started", INFO, "3ceaaf308142c8ea91d93080f9b439fc") \
    EVENT(start_failed, "winnowd could not start", ERROR, "0c52b7b6e6f14d0f9a6a33ad1c7a51c8") \
    EVENT(stopping, "winnowd stopping", INFO, "9dfb369bab13dfae627655daa05f1119") \
    EVENT(stopped, "winnowd stopped", INFO, "6301bbfca0c5154e0ff9bb510944fe0c") \
    EVENT(running_as_root, "running as root: the code under test would run as root, too; use the winnowd user", WARNING, "6fced11d2bd8a1e6047a8387cdde8d51") \
    EVENT(sandbox, "sandbox", INFO, "3a124c647e02ff05b7c1dce27f7695f5") \
    EVENT(no_sandbox, "no sandbox", WARNING, "66080f174c96d8e25cbd0ba3a1a6bcde") \
    EVENT(tool, "program that runs the tests", INFO, "b7d0c4d21c5e4f0f8f0a3f5e9a1d6c37") \
    EVENT(configuration_reloaded, "configuration reloaded", INFO, "b120a366f0bbe9cf42f2dc05873f9bd0") \
    EVENT(configuration_refused, "configuration refused, the old one stays", WARNING, "78b7d0ac84773ce0ce4cda11b43c589b") \
    EVENT(restart_needed, "configuration changed in keys that only a restart applies", WARNING, "2330fcf1562ae4b848668d77e827062c") \
    EVENT(result_queued, "result queued", INFO, "c1acc9906424550ae36bf9b3ddcb369d") \
    EVENT(result_decided, "result decided", INFO, "9ad9b9a25e78454df065a1c284cc4549") \
    EVENT(unknown_keys, "result has unknown keys; they are shown among its details", WARNING, "993565976fbaf662f6a730b7b12e9eed") \
    EVENT(unknown_status, "result has an unknown status; it is discarded", WARNING, "b4d9125673314188abd610b1a408f7cc") \
    EVENT(log_taken, "log of many experiments taken", INFO, "0c7f6d0c5d954c3f9f0a1b5d0a7c6b1e") \
    EVENT(log_changed, "rows of a log changed since they were decided; their decisions stay", WARNING, "5a4f3f6b7d9c4e0d8a6f2b1c9e7d5a30") \
    EVENT(log_prose, "lines of a log are no rows", WARNING, "d2b8e1f04c6a4f7b9d3e5a7c1b9f8e62") \
    EVENT(log_foreign, "runs of a log are of metrics that are not configured", WARNING, "8e1d2c3b4a5f46079b8c7d6e5f4a3b21") \
    EVENT(log_without_commits, "rows of a log name no commit; none of them can be promoted", WARNING, "b7a6958473624151a0f9e8d7c6b5a493") \
    EVENT(log_begins_at_zero, "first value of a log is exactly 0; it may not be a measurement", WARNING, "4f5e6d7c8b9a4a1b8c2d3e4f5a6b7c8d") \
    EVENT(log_anew, "log begins anew; it counts as another one", WARNING, "261a5df29be042598ba06375900090f2") \
    EVENT(log_shorter, "log is shorter than it was", WARNING, "0a9ae2f75bc24e5c8316e2b07582e1b4") \
    EVENT(log_replaced, "log was replaced by another one; it is read from its first line", INFO, "6c1e7f0b52c84a83b5d9e0f4a7138d2c") \
    EVENT(log_unreadable, "log cannot be read; it is followed again once it can", ERROR, "9d1c4266cf9f4fbfb63628d86c77f5b7") \
    EVENT(log_back, "log is followed again", INFO, "861383561ddd45808400426dfc2a1f56") \
    EVENT(patch_awaited, "result waits for the patch that it names, for a minute", INFO, "cd570b479b8f4edfb5ec41e927c182b9") \
    EVENT(file_faulty, "file in the spool cannot be read now; trying again", WARNING, "6f231360fb584386b8f05a751b25c5b9") \
    EVENT(stray_files, "files in the spool do not have the name of a result, and no result names them", WARNING, "3cf39a02a03341e1b2c4415f3150a11c") \
    EVENT(intake_failed, "results could not be taken in; trying again", ERROR, "8df08078a22ea180c5c2c2af3977a654") \
    EVENT(move_failed, "file could not be moved; trying again", WARNING, "f3194a3b381e53e7952c466e473a1797") \
    EVENT(step_started, "step started", INFO, "ab57f9854332c3da675a2e199b58ba8d") \
    EVENT(patch_mended, "patch mended so that it applies", INFO, "0f4c7d8be2a94d27a1c3f6a0b51f9e63") \
    EVENT(patch_doubted, "patch may not be what was measured", WARNING, "dc70a75b838e43b3a1722beb5ea1cba4") \
    EVENT(step_ended, "step ended", INFO, "c1b87f1a7323691b19f9cbef0f69a4d0") \
    EVENT(step_failed, "step failed", INFO, "2eb737282fea875e75365e1458294a90") \
    EVENT(validation_output, "output of a validation", DEBUG, "27f1a7ac71494f4289b2a54bbd2a7a4b") \
    EVENT(validation_again, "validation repeated without tox's report", WARNING, "4dd0869708544670884d291d572ae92f") \
    EVENT(validation_log, "validation log could not be written", WARNING, "94309db609c14b708adfc82e76454545") \
    EVENT(validation_note, "validation not noted", WARNING, "8a3fe8221a6b4930aeeb7b83aeb49737") \
    EVENT(run_submitted, "run submitted to Slurm", INFO, "03276153a2ba4e5dbb98992045baba8f") \
    EVENT(run_waits, "run waits in Slurm's queue", INFO, "cf5a21b1ad25420581f63810e28c7217") \
    EVENT(run_ended, "run on Slurm ended", INFO, "7e39e151b8d94b05850f978bc4ca4738") \
    EVENT(run_lost, "run on Slurm lost; another attempt follows", WARNING, "092619756c2a497a9ca69c38b610ba67") \
    EVENT(run_left, "run on Slurm goes on by itself", INFO, "dabc36e3d8114deb8e32d5f238f0e3c9") \
    EVENT(run_unowned, "run on Slurm cancelled: no job waits for it", WARNING, "2b9e6d5c41aa4f60b0c5d97e83f1a46d") \
    EVENT(run_taken_up, "run on Slurm taken up", INFO, "390f6ee674d946e784ad73022e93a48d") \
    EVENT(slurm_away, "Slurm cannot be asked now; runs go on", WARNING, "90e55eeea3f14954935c92fa17a5405a") \
    EVENT(slurm_back, "Slurm answers again", INFO, "81289017b6c24385ab3debdea080f080") \
    EVENT(runs_hang, "directory of the runs on Slurm does not answer; runs go on", WARNING, "6f0b0c1e9bd74d3a8a54e1d20d3b7c95") \
    EVENT(runs_seen_again, "directory of the runs on Slurm answers again", INFO, "d1c7a3e54f0b4c7d9f1e8b6a2035c48e") \
    EVENT(step_waits, "step could not be done now; trying again", WARNING, "ac3e0b5bc29177094c1e26038dabf68e") \
    EVENT(undo_started, "undo started", INFO, "2f314fdb43c48bc764ccdcf9ea5ee53c") \
    EVENT(undo_ended, "undo ended", INFO, "bafe9bd120c5d1529127c47089bf36a2") \
    EVENT(undo_waits, "undo could not be done now; trying again", WARNING, "fe0143729313badffba3fec76ca387b5") \
    EVENT(job_resumed, "job resumed", INFO, "9280ba2e153453fd735771b237d047c9") \
    EVENT(job_back, "job goes back to an earlier step", INFO, "6800e67e527f5da656ec4c60da8f3fe2") \
    EVENT(branch_kept, "branch kept: it does not point where this job left it", WARNING, "98daa4bf75592f89b3fb95ee22432045") \
    EVENT(branch_refused, "branch kept: the forge refuses to delete it", WARNING, "a021d1c6639b44f7b5c65f9d0999d513") \
    EVENT(pull_kept, "pull request kept: somebody else moved its branch", WARNING, "b6d9f6f45cdc78b9da6400c790010259") \
    EVENT(pull_refused, "pull request kept: the forge refuses to close it", WARNING, "ece9d0149f314215bf72eb91424c9a3a") \
    EVENT(pull_duplicate_closed, "second pull request of the same experiment closed", WARNING, "6a015b665e4a329cdbe7df00cba497dd") \
    EVENT(checkout_left, "checkout could not be removed; the next start does it", WARNING, "5d0a6d0a0c9fd5c8a2a11ce0c1b46c1f") \
    EVENT(base_passed, "base passes its tests", INFO, "6288a66a0edd40f495b32625294dbd3a") \
    EVENT(base_flaky, "base is flaky: its tests failed, and passed when they were run again", WARNING, "3c0c4a8787304499bd588814787199d6") \
    EVENT(base_failed, "base fails its tests", WARNING, "61eea34f8cc24e91bab987d432e95061") \
    EVENT(base_again, "jobs begin again, and the base is run anew", INFO, "3d0ad811d84c43ad99d5b8585f589a97") \
    EVENT(cache_kept, "cache of the tests kept, as the run on the base left it", INFO, "5e1f0f9ab1bd4f0cb3f1c7a6fd0c2d51") \
    EVENT(cache_not_kept, "what the run on the base left in its cache is not kept", WARNING, "c02c8e6b1d0f4b8f9e4d6a2375b1f8ae") \
    EVENT(cache_seen, "tests see the kept cache", INFO, "8d7a2c4e6f3b4c1d9a5e0b7c2f4d6e19") \
    EVENT(cache_missing, "tests run without the kept cache", WARNING, "1b6d3f58a9c24e7fb0d2c4e6a8135f79") \
    EVENT(cache_copies, "kept cache is copied for each run: tests begin with a copy, and not with an overlay", INFO, "f4a9d1c37b5e4260a8c3e5f70b92d416") \
    EVENT(store_failed, "store could not be written; trying again", ERROR, "365bf63a6659b55404103017ead492d2") \
    EVENT(store_damaged, "winnowd ends: the store is damaged", ERROR, "138258cfede1b539a9f7c2fd0d1d2ed5") \
    EVENT(store_unchecked, "store could not be checked; trying again", WARNING, "f37529e4d26caa41e26559c1e1d11ca3") \
    EVENT(forge_well, "forge answers", INFO, "23961c522970e819ae6f8f356f02bfb4") \
    EVENT(forge_down, "forge cannot be used now; jobs wait", WARNING, "48018f5e186391da6bca5daa475d779c") \
    EVENT(forge_refused, "forge refuses; jobs wait until this is mended", ERROR, "614d292e1f1eabfaa3003324c470d28b") \
    EVENT(held, "jobs wait until this is mended", ERROR, "0e9b299dbe8c537ff2f70d00f7e4f16d") \
    EVENT(unchecked, "not everything could be checked; jobs go on", WARNING, "ec9d07a51408440ea2f40293ceffa740") \
    EVENT(mended, "jobs go on: what held them is mended", INFO, "c4790327ffebfa149ccab607ad313bd1") \
    EVENT(step_held, "step waits: the installation is to blame", INFO, "da3a39972d55cadbf161c3eb21cda1a9") \
    EVENT(pull_merged, "pull request merged", INFO, "e9a5642c7d0753e5f6e5c77a2ee05f69") \
    EVENT(pull_closed, "pull request closed unmerged; its value leaves the frontier", INFO, "df219833d97b001b3581437a489229e0") \
    EVENT(pull_unknown, "pull request could not be checked", WARNING, "f054e0b83ce3094db3947d9c777a5bbb") \
    EVENT(pull_reopened, "pull request opened again; its value is back in the frontier", INFO, "b47daab7e2c740c2a3f90af4c19bf71e") \
    EVENT(pull_contained, "pull request closed: another one contains it", INFO, "5c0d5a0f6a1e4a0e9f3b1f7a2d8c4e61") \
    EVENT(pull_confirmed, "pull request is contained in what was merged; its value is confirmed", INFO, "0b6f4a7d93c24be5a1d20e7c85f9b3d4") \
    EVENT(pull_released, "pull request opened again: the one that contained it was closed unmerged", INFO, "e1a87c3b5d0f4926b7c4d9f20a36e58b") \
    EVENT(pull_stays, "pull request stays open, though another one contains it", WARNING, "c73e9b18f2a54d6d8e05b1a94f7c2603") \
    EVENT(branch_deleted, "branch deleted: what it changed was merged", INFO, "94d2e6f0b8a74c31a5f81d6c0e3b7a29") \
    EVENT(pull_gone, "pull request is gone from the forge; taken as closed unmerged", WARNING, "335707b690557505cd6c5c609e62bc01") \
    EVENT(pulls_lost, "open pull requests are not in the store", WARNING, "26e0edea7ecc40f88578c79c56b56e34") \
    EVENT(pull_refreshed, "pull request refreshed: it merges with the base as it is now", INFO, "5b0c1e0d4f3f4a0cb3a6c0d19f6b7a21") \
    EVENT(pull_stale, "pull request cannot be refreshed: it stays as it is", WARNING, "e83b9c6a50d94dd0a7c1f4b82d6f0c37") \
    EVENT(pull_merges_again, "pull request merges with the base again", INFO, "71f0c83e2ab64d59b6e9a4d20c5f8b13") \
    EVENT(refresh_given_up, "refresh given up", INFO, "92d7f6a1c84b4f5e8d3a0b6e17c5f948") \
    EVENT(base_unknown, "open pull requests could not be compared with the base; trying again", WARNING, "0d4a7be2c9134f68a5f0e1b37c86d25a") \
    EVENT(queue_held, "jobs wait: queue.max_open_pulls is reached", INFO, "27f82f946709b347bf0283a32bc318aa") \
    EVENT(queue_idle, "nothing left to do", INFO, "90237de7232aa9defed432292ed99a49") \
    EVENT(gave_up, "gave up: a minute without progress", ERROR, "521b55ada989d8e5d645f8997a98714f") \
    EVENT(ended_held, "winnowd ends: jobs wait until something is mended", ERROR, "35c8c055645fbac7a226e381fd775f44") \
    EVENT(kept_no_longer, "old files removed", INFO, "e76088c6acff7fa02d959089a12be55c") \
    EVENT(keep_failed, "old files could not be removed; trying again tomorrow", WARNING, "a97d85fcdfe1b3d1818fcfceb56e404d") \
    EVENT(status, "status", INFO, "9e450909a8d12dea1ddfc65e144b2080") \
    EVENT(report_failed, "status could not be written; trying again", WARNING, "44451bc05a7941a1ab206648de7657ab") \
    EVENT(loop_blocked, "the loop was blocked", WARNING, "13d38b6347e37c09f70c349f6dcb6633")
/* clang-format on */

#define DECLARE_EVENT(name, message, level, id) extern const struct log_event event_##name;
EVENTS(DECLARE_EVENT)
#undef DECLARE_EVENT
