/* Promise: every line of a patch is applied, or known to carry no change, or the patch fails. */

#include "common/memory.h"
#include "daemon/repository/patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAIR   "--- a/t.py\n+++ b/t.py\n"
#define GIT    "diff --git a/t.py b/t.py\nindex 1..2 100644\n" PAIR
#define HUNK   "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
#define SHOWN  "diff --git \"a/t.py\" \"b/t.py\"\n--- \"a/t.py\"\n+++ \"b/t.py\"\n"
#define FIRST  SHOWN HUNK
#define MAIL   "From 60299e340d3b67d81ec4ff0014741258373ca53d Mon Sep 17 00:00:00 2001\n"
#define HEADER "From: A <a@b>\nSubject: [PATCH] x\n\nWhy.\n\n---\n t.py | 2 +-\n\n"

/* Files that the base has. */
static const char *const present[] = {"t.py", "old/t.py", "src/m.py", "a b.py", NULL};

static bool exists(void *data, const char *path)
{
    (void)data;
    for (size_t i = 0; present[i]; i++) {
        if (strcmp(present[i], path) == 0)
            return true;
    }
    return false;
}

/* What git is given, all parts in a row; or the error. */
static char *read_patch(const char *bytes, size_t length, struct text *recounted)
{
    CLEANUP_PATCH struct patch patch = {0};
    struct error error = {0};
    struct text text = {0};

    if (patch_scan(&patch, bytes, length, &error) < 0 ||
        patch_place(&patch, exists, NULL, &error) < 0)
        return memory_copy(error.message);
    for (unsigned part = 0; part < patch.parts; part++)
        patch_write(&patch, part, &text);
    if (recounted)
        text_append(recounted, text_string(&patch.recounted));
    return text_take(&text);
}

static void check(const char *patch, const char *expected)
{
    CLEANUP_FREE char *found = read_patch(patch, strlen(patch), NULL);

    assert_string_equal(found, expected);
}

static void check_refused(const char *patch, const char *part)
{
    CLEANUP_FREE char *found = read_patch(patch, strlen(patch), NULL);

    if (!strstr(found, part))
        fail_msg("found \"%s\", expected \"%s\"", found, part);
}

static void what_carries_no_change_is_passed_over(void **state)
{
    (void)state;
    check(GIT HUNK, FIRST);
    check("\n\n" PAIR HUNK "\n\n", FIRST);
    check("\xef\xbb\xbf" GIT HUNK, FIRST);
    check(MAIL HEADER GIT HUNK "-- \n2.39.5\n\n", FIRST);
    check(MAIL HEADER GIT HUNK "-- \n2.39.5 (Apple Git-154)\n", FIRST);
    check(MAIL HEADER GIT HUNK "\nbase-commit: 60299e340d\n-- \n2.39.5\n", FIRST);
    check(MAIL HEADER GIT HUNK "-- \nA Person\nby hand\n\n" MAIL HEADER "diff --git a/old/t.py "
                               "b/old/t.py\nold mode 100644\nnew mode 100755\n-- \nA Person\n",
          FIRST "diff --git \"a/old/t.py\" \"b/old/t.py\"\nold mode 100644\nnew mode 100755\n");
    check("X-Y: z\n w\nSubject: x\n\nWhy.\n\n" GIT HUNK, FIRST);
    check("commit 60299e340d (HEAD -> main)\nAuthor: A\nDate:   x\n\n    Why.\n    diff --git "
          "x\n\n" GIT HUNK,
          FIRST);
    check("60299e3 Why\n" GIT HUNK, FIRST);
    check(":100644 100644 1 2 M\tt.py\n\n" GIT HUNK, FIRST);
    check(" t.py | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n\n" GIT HUNK, FIRST);
    check("1\t1\tt.py\n\n" GIT HUNK, FIRST);
    check(GIT HUNK " t.py | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n", FIRST);
    check(MAIL HEADER GIT HUNK " create mode 100644 t.py\n" GIT HUNK " t.py | 2 +-\n-- \n2.39.5\n",
          FIRST FIRST);
    check("Description: why\n and how\nAuthor: A\n---\nmore of it\n" GIT HUNK, FIRST);
    check("Description: why\n\n" GIT HUNK, FIRST);
    check("diff --git a/t.py b/t.py\nindex 1234567..abcdefg 100644\n" PAIR HUNK, FIRST);
    check("diff --git a/t.py b/t.py\nindex XXXXXXX..YYYYYYY\n" PAIR HUNK, FIRST);
    check("diff -ruN a/t.py b/t.py\n" PAIR HUNK, FIRST);
    check("Index: t.py\n=================================================================\n" PAIR
              HUNK,
          FIRST);
    check("--- a/t.py\t2026-01-01 10:00\n+++ b/t.py\t2026-01-01 10:01\n" HUNK, FIRST);
}

static void all_else_is_refused(void **state)
{
    (void)state;
    check_refused("", "is no diff");
    check_refused("hello\n", "is no diff: line 1 of the patch, \"hello\"");
    check_refused(GIT HUNK "hello\n" GIT HUNK, "line 10 of the patch, \"hello\"");
    check_refused(GIT HUNK "\n*** Begin Patch\n", "\"*** Begin Patch\"");
    check_refused(GIT HUNK "    " PAIR, "line 10");
    check_refused(GIT HUNK "> " PAIR, "quoted");
    check_refused(GIT HUNK "\n+d\n- \n?\n", "line 13 of the patch, \"?\"");
    check_refused(GIT HUNK "Only in x: y\nBinary files a/w and b/w differ\n", "line 11");
    check_refused("Submodule lib 1234567..89abcde:\n  > x\n" GIT HUNK, "submodule");
    check_refused("diff --cc t.py\nindex 1,2..3\n" GIT HUNK, "combined");
    check_refused("diff -ruN a/x b/x\ndiff -ruN a/t.py b/t.py\n" PAIR HUNK, "line 1 of the patch");
    check_refused("diff -ruN a/t.py b/t.py\n" PAIR HUNK "diff -ruN a/x b/x\n", "line 9");
    check_refused("diff --git a/x b/x\n" GIT HUNK, "without a change");
    check_refused("diff --git a/x b/x\nnew file mode 100644\nindex 0000000..587be6b\n", "no hunk");
    check_refused("diff --git a/x b/x\nnew file mode 100644\nindex 0000000..xxxxxxx\n", "no hunk");
    check_refused("diff --git a/t.py b/t.py\nindex 1,2..3\n" PAIR HUNK, "without a change");
    check_refused(GIT "@@ -1,2 +1,2 @@\n a\n b\n", "no line is added or removed");
    check_refused("Index: x\nCannot display\n", "line 2 of the patch, \"Cannot display\"");
    check_refused("Index: x\nCannot display: file marked as a binary type.\nsvn:mime-type = x/y\n",
                  "a binary file whose content");
    check_refused("--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+a\n@@ -0,0 +2 @@\n+b\n",
                  "line 5 of the patch");
    check_refused("--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+a\n@@ -1,0 +2 @@\n+b\n",
                  "can have only one");
    check_refused("diff --git a/x b/x\nGIT binary patch\nliteral 1\nAcmZQz\n\n",
                  "without an index line");
    check_refused(
        "diff --git a/t.py b/n.py\nsimilarity index 90%\nrename from t.py\nrename to n.py\n",
        "begins a file whose content changes");
    check_refused(GIT "@@ ... @@\n a\n", "without line numbers");
    check_refused(GIT "@@@ -1,4 -1,4 +1,4 @@@\n", "combined");
    check_refused("\033[1mdiff --git a/t.py b/t.py\033[m\n", "coloured");
    check_refused("\xff\xfe"
                  "d",
                  "UTF-16");
    check_refused("diff --git a/t b/t --- a/t +++ b/t @@ -1 +1 @@ -a +b\n", "lost its line ends");
    check_refused("Subject: x\nContent-Transfer-Encoding: base64\n\nLS0t\n", "encoded");
    check_refused("Subject: x\ncontent-transfer-encoding:\n Base64\n\nLS0t\n", "encoded");
    /* A signature of the sender's own is known by where the hunk ends. */
    check_refused(MAIL HEADER GIT "@@ -1,4 +1,4 @@\n a\n-b\n+B\n c\n-- \nA Person\n",
                  "\"A Person\"");
    check_refused(MAIL HEADER GIT HUNK "-- \nA Person\n+d\n", "\"A Person\"");
    check_refused(GIT HUNK "-- \nA Person\n", "\"A Person\"");
    check_refused(MAIL "From: A\nhello\n\n" GIT HUNK, "line 3");
}

/* A patch that was cut off, or leaves files out, though something beside it says that they change. */
static void statistics_that_name_more_are_refused(void **state)
{
#define SUM(files) " t.py | 2 +-\n " files " changed, 4 insertions(+), 1 deletion(-)\n"
#define MORE       "is of 2 files, and the patch has only 1 of them"
    (void)state;
    check_refused(SUM("2 files") "\n" GIT HUNK, MORE);
    check_refused(GIT HUNK SUM("2 files"), MORE);
    check_refused("1\t1\tt.py\n2\t0\tn.py\n\n" GIT HUNK, MORE);
    check_refused(":100644 100644 1 2 M\tt.py\n:100644 100644 1 2 M\tn.py\n\n" GIT HUNK, MORE);
    check_refused(MAIL "Subject: x\n\n---\n" SUM("2 files") "\n" GIT HUNK
                                                            "-- \n2.39.5\n\n" MAIL HEADER GIT HUNK
                                                            "-- \n2.39.5\n",
                  MORE);
    check_refused(MAIL "Subject: x\n\n---\n" SUM("1 file") "\n" GIT HUNK "-- \n2.39.5\n\n" MAIL
                                                           "Subject: y\n\n---\n" SUM("1 file"),
                  "is of 1 files, and the patch has only 0 of them");
    check_refused(SUM("1 file") "\n" GIT "@@ -1,3 +1,6 @@\n a\n-b\n+B\n c\n", "counts more lines");
    /* A cover letter's are of all mails, and those of a message are text. */
    check(MAIL "Subject: x\n\n" SUM("2 files") "\n-- \n2.39.5\n\n" MAIL HEADER GIT HUNK
                                               "-- \n2.39.5\n",
          FIRST);
    check(SUM("1 file") "\n" GIT HUNK SUM(
              "1 file") "\ndiff --git a/old/t.py b/old/t.py\nold mode 100644\nnew mode "
                        "100755\n",
          FIRST "diff --git \"a/old/t.py\" \"b/old/t.py\"\nold mode 100644\nnew mode 100755\n");
    check(MAIL "Subject: x\n\n" SUM("9 files") "\n" GIT HUNK "-- \n2.39.5\n", FIRST);
}

static void no_line_follows_the_last_one(void **state)
{
#define MARK "\\ No newline at end of file\n"
    (void)state;
    check_refused(GIT "@@ -1,3 +1,3 @@\n a\n-b\n+B\n" MARK " c\n", "line 10 of the patch, \"c\"");
    check_refused(GIT "@@ -1,3 +1,2 @@\n a\n-b\n" MARK "-c\n", "line 9 of the patch");
    check_refused("--- /dev/null\n+++ b/n.py\n@@ -0,0 +1,2 @@\n+a\n" MARK "+b\n", "\"+b\"");
    check_refused(GIT HUNK MARK MARK, "line 11 of the patch");
    check_refused(GIT "@@ -1,3 +1,3 @@\n" MARK " a\n-b\n+B\n", "line 6 of the patch");
    check(GIT "@@ -1,2 +1,2 @@\n a\n-b\n" MARK "+B\n" MARK,
          SHOWN "@@ -1,2 +1,2 @@\n a\n-b\n" MARK "+B\n" MARK);
    check(GIT "@@ -1,2 +1,3 @@\n a\n-b\n" MARK "+B\n+c\n",
          SHOWN "@@ -1,2 +1,3 @@\n a\n-b\n" MARK "+B\n+c\n");
}

static void check_counted(const char *hunk, const char *expected, const char *recounted)
{
    CLEANUP_FREE char *patch = memory_format("%s%s", GIT, hunk);
    CLEANUP_FREE char *written = memory_format("%s%s", SHOWN, expected);
    CLEANUP_TEXT struct text said = {0};
    CLEANUP_FREE char *found = read_patch(patch, strlen(patch), &said);

    assert_string_equal(found, written);
    assert_string_equal(text_string(&said), recounted);
}

static void wrong_counts_are_counted_anew(void **state)
{
    (void)state;
    check_counted("@@ -1,3 +1,2 @@\n a\n-b\n+B\n c\n", HUNK,
                  "the hunk at line 5 has -3 +3 lines, not -3 +2");
    check_counted("@@ -1,9 +1,9 @@\n a\n-b\n+B\n c\n\n\n", HUNK,
                  "the hunk at line 5 has -3 +3 lines, not -9 +9");
    check_counted("@@ -1,2 +1,2 @@\n a\n-b\n+B\n c\n-- \n2.39.5\n\n", HUNK,
                  "the hunk at line 5 has -3 +3 lines, not -2 +2");
    check_counted("@@ -1,2 +1,1 @@\n a\n-b\n+B\n c\n@@ -9,1 +9,1 @@\n-x\n+y\n",
                  HUNK "@@ -9,1 +9,1 @@\n-x\n+y\n",
                  "the hunk at line 5 has -3 +3 lines, not -2 +1");
    /* A removed remark of SQL is no header, and an empty line between lines of the hunk is one of it. */
    check_counted("@@ -1,2 +1,2 @@\n a\n\n--- end\n+b\n", "@@ -1,3 +1,3 @@\n a\n \n--- end\n+b\n",
                  "the hunk at line 5 has -3 +3 lines, not -2 +2");
    check_counted("@@ -1,2 +1,1 @@\n--- x\n a\n", "@@ -1,2 +1,1 @@\n--- x\n a\n", "");
    /* The names of the next file, or a trailer, are no lines of the hunk, whatever is counted. */
    check(GIT "@@ -1,4 +1,4 @@\n a\n-b\n+B\n c\n" PAIR HUNK, FIRST FIRST);
    check_counted("@@ -1,4 +1,3 @@\n a\n-b\n+B\n c\n-- \n2.39.5\n", HUNK,
                  "the hunk at line 5 has -3 +3 lines, not -4 +3");
    check_refused(GIT "@@ -1,4 +1,4 @@\n a\n-b\n+B\nc\n", "line 9 of the patch, \"c\"");
    /* Statistics may stand in a file, too. */
    check_counted("@@ -1,1 +1,1 @@\n-b\n+B\n t.py | 2 +-\n+more\n",
                  "@@ -1,2 +1,3 @@\n-b\n+B\n t.py | 2 +-\n+more\n",
                  "the hunk at line 5 has -2 +3 lines, not -1 +1");
}

static void a_path_is_taken_if_it_can_be_known(void **state)
{
#define NEW "@@ -0,0 +1 @@\n+x\n"
    (void)state;
    check("diff --git i/t.py w/t.py\n--- i/t.py\n+++ w/t.py\n" HUNK, FIRST);
    check("--- orig/t.py\n+++ new/t.py\n" HUNK, FIRST);
    check("--- ./t.py\n+++ ./t.py\n" HUNK, FIRST);
    check(
        "--- x/src/m.py\n+++ x/src/m.py\n" HUNK,
        "diff --git \"a/src/m.py\" \"b/src/m.py\"\n--- \"a/src/m.py\"\n+++ \"b/src/m.py\"\n" HUNK);
    check("diff --git src/m.py src/m.py\nold mode 100644\nnew mode 100755\n",
          "diff --git \"a/src/m.py\" \"b/src/m.py\"\nold mode 100644\nnew mode 100755\n");
    check("diff --git a/a b.py b/a b.py\nold mode 100644\nnew mode 100755\n",
          "diff --git \"a/a b.py\" \"b/a b.py\"\nold mode 100644\nnew mode 100755\n");
    check(
        "diff --git src/m.py n/m.py\nsimilarity index 100%\nrename from src/m.py\nrename to "
        "n/m.py\n",
        "diff --git \"a/src/m.py\" \"b/n/m.py\"\nrename from \"src/m.py\"\nrename to \"n/m.py\"\n");
    check(
        "--- src/m.py.orig\n+++ src/m.py\n" HUNK,
        "diff --git \"a/src/m.py\" \"b/src/m.py\"\n--- \"a/src/m.py\"\n+++ \"b/src/m.py\"\n" HUNK);
    check("--- /dev/null\n+++ \"b/\\303\\244\\n\"\n" NEW,
          "diff --git \"a/\\303\\244\\012\" \"b/\\303\\244\\012\"\nnew file mode 100644\n"
          "--- /dev/null\n+++ \"b/\\303\\244\\012\"\n@@ -0,0 +1,1 @@\n+x\n");
    check_refused("--- old/t.py\n+++ old/t.py\n" HUNK, "may be old/t.py or t.py");
    check_refused("--- /dev/null\n+++ src/n.py\n" NEW, "cannot be placed");
    check_refused("--- /dev/null\n+++ b/n.py (new)\n" NEW, "remark");
    check_refused(PAIR HUNK "--- src/m.py\n+++ src/m.py\n" HUNK, "does not have the prefixes");
    check_refused("--- /tmp/t.py\n+++ /tmp/t.py\n" HUNK, "absolute");
    check_refused("--- ~/t.py\n+++ ~/t.py\n" HUNK, "absolute");
    check_refused("--- ../t.py\n+++ ../t.py\n" HUNK, "invalid path");
    check_refused("--- a/t.py\n+++ b/t.py # new\n" HUNK, "only a tab may follow a name");
    check_refused("--- old/t.py\n+++ new/t.py\n" HUNK, "may be meant");
    check_refused("--- C:/x/t.py\n+++ C:/x/t.py\n" HUNK, "absolute");
    check_refused("--- a\\t.py\n+++ b\\t.py\n" HUNK, "backslash");
    check_refused("--- a/t.py\n+++ b/n.py\n" HUNK, "names no rename");
    check_refused("--- a/./t.py\n+++ b/./t.py\n" HUNK, "invalid path");
    check_refused("diff --git a/x b/y\nold mode 100644\nnew mode 100755\n", "split into two names");
    check_refused("diff --git a/x b/x\n" PAIR HUNK, "has another name");
}

#define MOVED(from, to)                                                                            \
    "diff --git a/" from " b/" to "\nsimilarity index 100%\nrename from " from "\nrename to " to   \
    "\n"
#define MADE(name)                                                                                 \
    "diff --git a/" name " b/" name                                                                \
    "\nnew file mode 100644\nindex 0000000..587be6b\n--- /dev/null\n+++ b/" name                   \
    "\n@@ -0,0 +1 @@\n+x\n"

static void a_series_is_taken_in_its_order(void **state)
{
    (void)state;
    const char log[] = "commit 60299e3\n\n    new\n\ndiff --git a/t.py b/t.py\n"
                       "index bbbbbbb..ccccccc 100644\n" PAIR "@@ -1 +1 @@\n-y\n+z\n\n"
                       "commit 1234567\n\n    old\n\ndiff --git a/t.py b/t.py\n"
                       "index aaaaaaa..bbbbbbb 100644\n" PAIR "@@ -1 +1 @@\n-x\n+y\n";

    check(log, SHOWN "@@ -1,1 +1,1 @@\n-x\n+y\n" SHOWN "@@ -1,1 +1,1 @@\n-y\n+z\n");
    check(MAIL HEADER GIT HUNK "-- \n2.39.5\n\n\n" MAIL HEADER GIT HUNK "-- \n2.39.5\n",
          FIRST FIRST);
    /* A file that one commit makes, and the next one renames. */
    check("commit 60299e3\n\n" MOVED("n.py", "m.py") "\ncommit 1234567\n\n" MADE("n.py"),
          "diff --git \"a/n.py\" \"b/n.py\"\nnew file mode 100644\n"
          "--- /dev/null\n+++ \"b/n.py\"\n@@ -0,0 +1,1 @@\n+x\n"
          "diff --git \"a/n.py\" \"b/m.py\"\nrename from \"n.py\"\nrename to \"m.py\"\n");
    /* git log -p --format= */
    check("diff --git a/t.py b/t.py\nindex bbbbbbb..ccccccc 100644\n" PAIR "@@ -1 +1 @@\n-y\n+z\n"
          "diff --git a/t.py b/t.py\nindex aaaaaaa..bbbbbbb 100644\n" PAIR "@@ -1 +1 @@\n-x\n+y\n",
          SHOWN "@@ -1,1 +1,1 @@\n-x\n+y\n" SHOWN "@@ -1,1 +1,1 @@\n-y\n+z\n");
    /* Two files that change places, by mails. */
    check(MAIL HEADER MOVED("t.py", "n") "-- \n2.39.5\n\n" MAIL HEADER MOVED(
              "src/m.py", "t.py") "-- \n2.39.5\n\n" MAIL HEADER MOVED("n",
                                                                      "src/m.py") "-- \n2.39.5\n",
          "diff --git \"a/t.py\" \"b/n\"\nrename from \"t.py\"\nrename to \"n\"\n"
          "diff --git \"a/src/m.py\" \"b/t.py\"\nrename from \"src/m.py\"\nrename to \"t.py\"\n"
          "diff --git \"a/n\" \"b/src/m.py\"\nrename from \"n\"\nrename to \"src/m.py\"\n");
    check("commit > 60299e3\trefs/heads/x\nlog size 164\nAuthor: A <a@b>\n\n    new\n\n" GIT HUNK,
          FIRST);
}

/* There and back: either commit begins with what the other one leaves. */
static void an_order_that_cannot_be_known_is_refused(void **state)
{
#define CHANGE(from, to, hunk)                                                                     \
    "diff --git a/t.py b/t.py\nindex " from ".." to " 100644\n" PAIR "@@ -1 +1 @@\n" hunk
    (void)state;
    check_refused("commit 60299e3\n\n" CHANGE("bbbbbbb", "aaaaaaa", "-y\n+x\n") //
                  "\ncommit 1234567\n\n" CHANGE("aaaaaaa", "bbbbbbb", "-x\n+y\n"),
                  "which is the older one");
    check(MAIL HEADER CHANGE("aaaaaaa", "bbbbbbb", "-x\n+y\n") "-- \n2.39.5\n\n" //
          MAIL HEADER CHANGE("bbbbbbb", "aaaaaaa", "-y\n+x\n") "-- \n2.39.5\n",
          SHOWN "@@ -1,1 +1,1 @@\n-x\n+y\n" SHOWN "@@ -1,1 +1,1 @@\n-y\n+x\n");
}

/* A row of a table is no statistics, and a hunk without numbers is not a message's text. */
static void what_looks_like_something_else_is_not_dropped(void **state)
{
    (void)state;
    check_counted("@@ -1,2 +1,2 @@\n a\n-\t6\tbar\n+\t6\tBAR\n-\t7\tbaz\n",
                  "@@ -1,3 +1,2 @@\n a\n-\t6\tbar\n+\t6\tBAR\n-\t7\tbaz\n",
                  "the hunk at line 5 has -3 +2 lines, not -2 +2");
    check_refused(
        "Subject: raise it\n\n--- a/src/m.py\n+++ b/src/m.py\n@@ def train():\n-a\n+t\n\n" PAIR
            HUNK,
        "without line numbers");
}

/* ---- places ------------------------------------------------------------------------------------- */

#define CONTENT "x\na\nb\nc\ny\na\nb\nc\n"

static enum patch_fit fit(const char *hunk, const char *content, bool exact, struct error *error,
                          char **written)
{
    CLEANUP_PATCH struct patch patch = {0};
    CLEANUP_FREE char *bytes = memory_format("%s%s", GIT, hunk);
    CLEANUP_TEXT struct text text = {0};
    enum patch_fit found = PATCH_FITS_NOT;

    assert_int_equal(patch_scan(&patch, bytes, strlen(bytes), error), 0);
    assert_int_equal(patch_place(&patch, exists, NULL, error), 0);
    error->message[0] = '\0';
    patch_fit(&patch.files[0], content, strlen(content), exact, &found, error);
    patch_write(&patch, 0, &text);
    *written = memory_copy(strstr(text_string(&text), "@@ "));
    return found;
}

static void a_hunk_has_one_place(void **state)
{
    static const struct {
        const char *hunk, *content;
        bool exact;
        enum patch_fit fit;
        const char *written; /* or of the error */
    } rows[] = {
        {"@@ -1,2 +1,2 @@\n x\n-a\n+A\n", CONTENT, false, PATCH_FITS, "@@ -1,2 +1,2 @@"},
        {"@@ -7,2 +7,3 @@\n x\n-a\n+A\n+B\n", CONTENT, false, PATCH_FITS, "@@ -1,2 +1,3 @@"},
        {"@@ -2,2 +2,2 @@\n-a\n+A\n b\n", CONTENT, false, PATCH_FITS,
         "fits at lines 2 and 6 of t.py"},
        {"@@ -6,2 +6,2 @@\n-a\n+A\n b\n", CONTENT, true, PATCH_FITS, "@@ -6,2 +6,2 @@"},
        {"@@ -3,2 +3,2 @@\n-a\n+A\n b\n", CONTENT, true, PATCH_FITS, "fits at lines 2 and 6"},
        {"@@ -3,0 +4 @@\n+new\n", CONTENT, true, PATCH_FITS, "@@ -3,0 +4,1 @@"},
        {"@@ -3,0 +4 @@\n+new\n", CONTENT, false, PATCH_FITS, "no context"},
        {"@@ -1 +1 @@\n-q\n+r\n", CONTENT, true, PATCH_FITS_NOT, "@@ -1,1 +1,1 @@"},
        {"@@ -1 +1 @@\n-x\n+r\n", "x\r\ny\r\n", false, PATCH_FITS_AS_CRLF, "-x\r\n+r\r\n"},
        {"@@ -1 +1 @@\n-x\r\n+r\r\n", "x\ny\n", false, PATCH_FITS_AS_LF, "-x\n+r\n"},
        {"@@ -1 +1 @@\n-x\r\n+r\r\n", "x\r\ny\r\n", false, PATCH_FITS, "-x\r\n+r\r\n"},
        {"@@ -2 +2 @@\n-y\n\\ No newline at end of file\n+z\n", "x\ny", false, PATCH_FITS,
         "-y\n\\"},
        {"@@ -2 +2 @@\n-y\n+z\n", "x\ny", false, PATCH_FITS_NOT, "-y\n"},
        {"@@ -1 +1 @@\n-x\n+z\n\\ No newline at end of file\n", "x\ny\n", false, PATCH_FITS,
         "says that t.py ends with its last line"},
        {"@@ -2 +2 @@\n-y\n+z\n\\ No newline at end of file\n", "x\ny\n", false, PATCH_FITS,
         "+z\n\\"},
        {"@@ -2,0 +3 @@\n+z\n\\ No newline at end of file\n", "x\ny\n", true, PATCH_FITS, "+z\n\\"},
        {"@@ -1,3 +1,3 @@\n-x\n+y\n a\n\n", CONTENT, false, PATCH_FITS_TRIMMED, "@@ -1,2 +1,2 @@"},
        {"@@ -1,2 +1,2 @@\n a\n-a\n+b\n", "a\na\na\n", false, PATCH_FITS, "lines 1 and 2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {0};
        CLEANUP_FREE char *written = NULL;
        enum patch_fit found = fit(rows[i].hunk, rows[i].content, rows[i].exact, &error, &written);

        assert_int_equal(found, rows[i].fit);
        if (!strstr(*error.message ? error.message : written, rows[i].written))
            fail_msg("row %zu: \"%s\", \"%s\"", i, error.message, written);
    }
}

/* ---- the end ------------------------------------------------------------------------------------ */

#define AB "diff --git a/t.py b/t.py\nindex b77b4eb..%s 100644\n" PAIR

static enum patch_makes makes(const char *blob, const char *hunks, bool next_file)
{
    CLEANUP_PATCH struct patch patch = {0};
    CLEANUP_FREE char *bytes = memory_format(
        AB "%s%s", blob, hunks,
        next_file ? "diff --git a/old/t.py b/old/t.py\n--- a/old/t.py\n+++ b/old/t.py\n" HUNK : "");
    CLEANUP_TEXT struct text made = {0};
    struct error error = {0};
    enum patch_fit found;

    assert_int_equal(patch_scan(&patch, bytes, strlen(bytes), &error), 0);
    assert_int_equal(patch_place(&patch, exists, NULL, &error), 0);
    assert_int_equal(patch_fit(&patch.files[0], "x\ny\n", 4, true, &found, &error), 0);
    return patch_make(&patch.files[0], "x\ny\n", 4, 40, &made);
}

static void what_a_patch_makes_is_compared_with_its_index_line(void **state)
{
    static const char whole[] = "de98044",
                      other[] = "1234567"; /* printf "a\nb\nc\n" | git hash-object --stdin */
    static const struct {
        const char *blob;
        const char *hunk;
        bool next_file;
        enum patch_makes expected;
    } rows[] = {
        /* wrong counts, but whole */
        {whole, "@@ -1,9 +1,9 @@\n-x\n-y\n+a\n+b\n+c\n\n", false, PATCH_MAKES_BLOB},
        {whole, "@@ -1,2 +1,3 @@\n-x\n-y\n+a\n+b\n", false, PATCH_IS_CUT},
        {whole, "@@ -1,2 +1,3 @@\n-x\n-y\n+a\n+b\n+", false, PATCH_IS_CUT},
        /* edited by hand */
        {other, "@@ -1,2 +1,3 @@\n-x\n-y\n+a\n+b\n+c\n", false, PATCH_MAKES_ANOTHER},
        {other, "@@ -1,2 +1,3 @@\n-x\n-y\n+a\n+b\n", true, PATCH_MAKES_ANOTHER},
        {other, "@@ -1,2 +1,1 @@\n-x\n-y\n+a\n+b\n", false, PATCH_MAKES_ANOTHER},
        /* no blob is named */
        {"0000000", "@@ -1,2 +1,3 @@\n-x\n-y\n+a\n+b\n+c\n", false, PATCH_MAKES_BLOB},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (makes(rows[i].blob, rows[i].hunk, rows[i].next_file) != rows[i].expected)
            fail_msg("expected %d of blob %s and hunk %s", rows[i].expected, rows[i].blob,
                     rows[i].hunk);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_carries_no_change_is_passed_over),
        cmocka_unit_test(all_else_is_refused),
        cmocka_unit_test(statistics_that_name_more_are_refused),
        cmocka_unit_test(no_line_follows_the_last_one),
        cmocka_unit_test(wrong_counts_are_counted_anew),
        cmocka_unit_test(a_path_is_taken_if_it_can_be_known),
        cmocka_unit_test(a_series_is_taken_in_its_order),
        cmocka_unit_test(an_order_that_cannot_be_known_is_refused),
        cmocka_unit_test(what_looks_like_something_else_is_not_dropped),
        cmocka_unit_test(a_hunk_has_one_place),
        cmocka_unit_test(what_a_patch_makes_is_compared_with_its_index_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
