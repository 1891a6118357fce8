/*
 * The least that taking in a folder of results can cost: list, read, parse, insert, rename. Nothing is
 * checked, judged, logged or watched. tests/bench/intake measures the daemon against it.
 *
 *     bare-intake SPOOL DATABASE     moves SPOOL/NAME.json to SPOOL/.archive/NAME.json
 */

#include <dirent.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE 256 /* files a commit, as the daemon's */

struct names {
    char **items;
    size_t count;
};

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(struct names *names)
{
    DIR *directory = opendir(".");

    if (!directory)
        give_up("opendir");
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        if (names->count % 4096 == 0)
            names->items = realloc(names->items, (names->count + 4096) * sizeof(*names->items));
        if (!names->items || !(names->items[names->count++] = strdup(entry->d_name)))
            give_up("memory");
    }
    closedir(directory);
    if (names->count)
        qsort(names->items, names->count, sizeof(*names->items), by_name);
}

static sqlite3_stmt *open_database(sqlite3 **database, const char *path)
{
    sqlite3_stmt *insert;

    if (sqlite3_open(path, database) != SQLITE_OK ||
        sqlite3_exec(*database,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "CREATE TABLE results (id INTEGER PRIMARY KEY, experiment_id TEXT UNIQUE,"
                     " after REAL, bytes BLOB)",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(*database,
                           "INSERT INTO results (experiment_id, after, bytes) VALUES (?, ?, ?)", -1,
                           &insert, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s\n", sqlite3_errmsg(*database));
        exit(1);
    }
    return insert;
}

static void take(const char *name, sqlite3_stmt *insert)
{
    static char bytes[1 << 16];
    int descriptor = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t length = descriptor < 0 ? -1 : read(descriptor, bytes, sizeof(bytes) - 1);
    struct json_object *result, *id = NULL, *after = NULL;

    if (length < 0)
        give_up(name);
    close(descriptor);
    bytes[length] = '\0';
    result = json_tokener_parse(bytes);
    json_object_object_get_ex(result, "experiment_id", &id);
    json_object_object_get_ex(result, "metric_after", &after);
    sqlite3_bind_text(insert, 1, json_object_get_string(id), -1, SQLITE_STATIC);
    sqlite3_bind_double(insert, 2, json_object_get_double(after));
    sqlite3_bind_blob(insert, 3, bytes, (int)length, SQLITE_STATIC);
    if (sqlite3_step(insert) != SQLITE_DONE) {
        fprintf(stderr, "%s: could not be inserted\n", name);
        exit(1);
    }
    sqlite3_reset(insert);
    json_object_put(result);
}

static void take_slice(char *const *names, size_t count, sqlite3 *database, sqlite3_stmt *insert)
{
    char archived[512];

    sqlite3_exec(database, "BEGIN", NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        take(names[i], insert);
    sqlite3_exec(database, "COMMIT", NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        snprintf(archived, sizeof(archived), ".archive/%s", names[i]);
        if (rename(names[i], archived) < 0)
            give_up(names[i]);
    }
}

int main(int argc, char **argv)
{
    struct names names = {0};
    sqlite3 *database;
    sqlite3_stmt *insert;

    if (argc != 3) {
        fprintf(stderr, "usage: bare-intake SPOOL DATABASE\n");
        return 64;
    }
    insert = open_database(&database, argv[2]);
    if (chdir(argv[1]) < 0)
        give_up(argv[1]);
    mkdir(".archive", 0755);
    list(&names);
    for (size_t i = 0; i < names.count; i += SLICE)
        take_slice(names.items + i, names.count - i < SLICE ? names.count - i : SLICE, database,
                   insert);
    for (size_t i = 0; i < names.count; i++)
        free(names.items[i]);
    free(names.items);
    sqlite3_finalize(insert);
    sqlite3_close(database);
    return 0;
}
