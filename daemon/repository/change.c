#include "daemon/repository/change.h"

#include "common/memory.h"
#include "daemon/repository.h"
#include "daemon/repository/glob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN     5
#define NAME_LIMIT      120
#define MODE_LINK       0120000u
#define MODE_SUBMODULE  0160000u
#define MODE_FILE       0100644u
#define MODE_EXECUTABLE 0100755u

void change_free(struct change *change)
{
    if (!change)
        return;
    for (size_t i = 0; i < change->count; i++)
        free(change->entries[i].path);
    free(change->entries);
    *change = (struct change){0};
}

void file_names_add(struct file_names *names, const char *path)
{
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text visible = {0};

    if (names->count++ >= NAMES_SHOWN)
        return;
    if (names->count > 1)
        text_append(&names->text, ", ");
    text_append_repaired(&repaired, path, strlen(path));
    text_append_visible(&visible, text_string(&repaired), NULL);
    text_append_line(&names->text, text_string(&visible), NAME_LIMIT);
}

const char *file_names_string(struct file_names *names)
{
    if (names->count > NAMES_SHOWN)
        text_append_format(&names->text, " and %zu more", names->count - NAMES_SHOWN);
    return text_string(&names->text);
}

void file_names_free(struct file_names *names)
{
    if (names)
        text_free(&names->text);
}

/* The remaining output of git; its fields end in NUL. */
struct listing {
    const char *at;
    const char *end;
};

static const char *next_field(struct listing *listing)
{
    const char *field = listing->at;
    const char *nul = memchr(field, '\0', (size_t)(listing->end - field));

    if (!nul)
        return NULL;
    listing->at = nul + 1;
    return field;
}

/* Takes a word up to a blank. Returns false if it does not fit. */
static bool take_word(const char **at, char *word, size_t size)
{
    size_t length = strcspn(*at, " ");

    if (length == 0 || length >= size)
        return false;
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length + ((*at)[length] == ' ');
    return true;
}

/* ":100644 100755 <hash> <hash> M" */
static bool parse_raw(struct change_entry *entry, const char *field)
{
    char old_mode[8];
    char new_mode[8];
    char status[8];
    const char *at = field + 1;

    if (!take_word(&at, old_mode, sizeof(old_mode)) ||
        !take_word(&at, new_mode, sizeof(new_mode)) ||
        !take_word(&at, entry->old_hash, sizeof(entry->old_hash)) ||
        !take_word(&at, entry->new_hash, sizeof(entry->new_hash)) ||
        !take_word(&at, status, sizeof(status)))
        return false;
    entry->old_mode = (unsigned)strtoul(old_mode, NULL, 8);
    entry->new_mode = (unsigned)strtoul(new_mode, NULL, 8);
    return strlen(entry->old_hash) == strlen(entry->new_hash);
}

/* Reads "12\t3\tpath", or "-\t-\tpath" for a binary file. Returns the path, or NULL. */
static const char *parse_counts(const char *field, int64_t *added, int64_t *removed)
{
    char *end;

    if (strncmp(field, "-\t-\t", 4) == 0) {
        *added = -1;
        *removed = -1;
        return field + 4;
    }
    errno = 0;
    *added = strtoll(field, &end, 10);
    if (end == field || *end != '\t' || errno)
        return NULL;
    field = end + 1;
    *removed = strtoll(field, &end, 10);
    if (end == field || *end != '\t' || errno)
        return NULL;
    return end + 1;
}

static int compare_entries(const void *a, const void *b)
{
    const struct change_entry *left = a;
    const struct change_entry *right = b;

    return strcmp(left->path, right->path);
}

static struct change_entry *find_entry(const struct change *change, const char *path)
{
    const struct change_entry key = {.path = (char *)path};

    return change->count == 0 ? NULL
                              : bsearch(&key, change->entries, change->count,
                                        sizeof(*change->entries), compare_entries);
}

static bool parse_entries(struct change *change, struct listing *listing)
{
    size_t capacity = 0;

    while (listing->at < listing->end && *listing->at == ':') {
        struct change_entry entry = {0};
        const char *field = next_field(listing);
        const char *path = field ? next_field(listing) : NULL;

        if (!path || !*path || !parse_raw(&entry, field))
            return false;
        if (change->count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            change->entries = memory_resize(change->entries, capacity * sizeof(entry));
        }
        entry.path = memory_copy(path);
        change->entries[change->count++] = entry;
    }
    if (change->count > 0)
        qsort(change->entries, change->count, sizeof(*change->entries), compare_entries);
    return true;
}

int change_parse(struct change *change, const char *bytes, size_t length, struct error *error)
{
    struct listing listing = {bytes, bytes + length};
    bool good = parse_entries(change, &listing);

    while (good && listing.at < listing.end) {
        const char *field = next_field(&listing);
        int64_t added;
        int64_t removed;
        const char *path = field ? parse_counts(field, &added, &removed) : NULL;
        struct change_entry *entry = path ? find_entry(change, path) : NULL;

        good = entry != NULL;
        if (good) {
            entry->added = added;
            entry->removed = removed;
        }
    }
    if (!good)
        return error_set(error, ERROR_PERMANENT, "git's list of changed files cannot be read");
    return 0;
}

/* Whether a directory above `path` is an entry: something that is or was a file. */
static bool has_file_above(const struct change *change, const char *path)
{
    CLEANUP_FREE char *above = memory_copy(path);

    for (char *slash = strrchr(above, '/'); slash; slash = strrchr(above, '/')) {
        *slash = '\0';
        if (find_entry(change, above))
            return true;
    }
    return false;
}

/* A path that stays as it is conflicts with one that makes a file of its directory, or a directory of its
 * file. */
static int check_beside(const struct change *kept, const struct change *excluded,
                        struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names names = {0};

    for (size_t i = 0; i < kept->count; i++) {
        if (kept->entries[i].new_mode && has_file_above(excluded, kept->entries[i].path))
            file_names_add(&names, kept->entries[i].path);
    }
    for (size_t i = 0; i < excluded->count; i++) {
        if (excluded->entries[i].old_mode && has_file_above(kept, excluded->entries[i].path))
            file_names_add(&names, excluded->entries[i].path);
    }
    if (names.count == 0)
        return 0;
    return error_set(error, ERROR_PERMANENT,
                     "the change puts a file and a directory in the place of files that are "
                     "excluded from it: %s",
                     file_names_string(&names));
}

int change_exclude(struct change *change, char *const *excluded, struct error *error)
{
    CLEANUP_CHANGE struct change out = {0};
    size_t kept = 0;

    out.entries = memory_new_array(change->count + 1, sizeof(*out.entries));
    for (size_t i = 0; i < change->count; i++) {
        if (glob_match_any(excluded, change->entries[i].path))
            out.entries[out.count++] = change->entries[i];
        else
            change->entries[kept++] = change->entries[i];
    }
    change->count = kept;
    return check_beside(change, &out, error);
}

/* Returns the length of a code point that HFS+ ignores in names, or 0. */
static size_t ignorable_length(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;

    if (bytes[0] == 0xe2 && bytes[1] == 0x80 &&
        ((bytes[2] >= 0x8c && bytes[2] <= 0x8f) || (bytes[2] >= 0xaa && bytes[2] <= 0xae)))
        return 3; /* U+200C to U+200F, U+202A to U+202E */
    if (bytes[0] == 0xe2 && bytes[1] == 0x81 && bytes[2] >= 0xaa && bytes[2] <= 0xaf)
        return 3; /* U+206A to U+206F */
    if (bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf)
        return 3; /* U+FEFF */
    return 0;
}

/* Whether a component is .git on any file system: in either case, with characters that HFS+ ignores, as
 * NTFS's short name, with dots, blanks and streams that NTFS drops. */
static bool is_dot_git(const char *component, size_t length)
{
    char name[8];
    size_t used = 0;
    size_t i = 0;

    while (i < length) {
        size_t skip = ignorable_length(component + i);
        char character = component[i];

        if (skip > 0) {
            i += skip;
            continue;
        }
        if (character == ':')
            break;
        if (used == sizeof(name) - 1 && character != '.' && character != ' ')
            return false;
        if (used < sizeof(name) - 1)
            name[used++] = (char)(character >= 'A' && character <= 'Z' ? character + 32
                                                                       : character);
        i++;
    }
    while (used > 0 && (name[used - 1] == '.' || name[used - 1] == ' '))
        used--;
    name[used] = '\0';
    return strcmp(name, ".git") == 0 || strcmp(name, "git~1") == 0;
}

/* Whether no component is empty, `.`, `..` or a spelling of .git. A backslash also separates components. */
static bool is_good_path(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/\\");

        if (length == 0 || (length == 1 && path[0] == '.') ||
            (length == 2 && path[0] == '.' && path[1] == '.') || is_dot_git(path, length))
            return false;
        if (path[length] == '\0')
            return true;
        path += length + 1;
    }
}

static bool is_bad_path(const struct change_entry *entry, void *data)
{
    return entry->new_mode && !is_good_path(entry->path);
}

static bool is_bad_mode(const struct change_entry *entry, void *data)
{
    return entry->new_mode && entry->new_mode != MODE_FILE && entry->new_mode != MODE_EXECUTABLE &&
           entry->new_mode != MODE_LINK && entry->new_mode != MODE_SUBMODULE;
}

static bool is_submodule(const struct change_entry *entry, void *data)
{
    return entry->new_mode == MODE_SUBMODULE || entry->old_mode == MODE_SUBMODULE;
}

/* Returns the path of the file in whose place a tool reads this one; NULL: there is none. The caller frees
 * it. */
static char *stands_for(const char *path)
{
    static const struct {
        const char *name;
        const char *instead_of;
    } rows[] = {
        {"GNUmakefile", "Makefile"},
        {"makefile", "Makefile"},
        {"pytest.toml", "pytest.ini"},
        {".pytest.toml", ".pytest.ini"},
    };
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(name, rows[i].name) == 0)
            return memory_format("%.*s%s", (int)(name - path), path, rows[i].instead_of);
    }
    return NULL;
}

static bool is_protected(const struct change_entry *entry, void *data)
{
    CLEANUP_FREE char *other = stands_for(entry->path);

    return glob_match_any(data, entry->path) || (other && glob_match_any(data, other));
}

/* Fails for the entries that a rule matches, and names the files. */
static int refuse(const struct change *change, bool (*rule)(const struct change_entry *, void *),
                  void *data, const char *reason, struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names names = {0};

    for (size_t i = 0; i < change->count; i++) {
        if (rule(&change->entries[i], data))
            file_names_add(&names, change->entries[i].path);
    }
    if (names.count == 0)
        return 0;
    return error_set(error, ERROR_PERMANENT, "%s: %s", reason, file_names_string(&names));
}

int change_empty(struct error *error, const char *commit)
{
    error_set(error, ERROR_PERMANENT, "the change is empty on the base%s%s%s",
              commit ? ", which has commit " : "", commit ? commit : "", commit ? " already" : "");
    error->needless = true;
    return -1;
}

int change_check(const struct change *change, char *const *protect, struct error *error)
{
    if (change->count == 0)
        return change_empty(error, NULL);
    if (refuse(change, is_protected, (void *)protect,
               "the change touches protected files (change.protect)", error) < 0 ||
        refuse(change, is_submodule, NULL, "the change touches a submodule", error) < 0 ||
        refuse(change, is_bad_path, NULL, "the change leads into .git or out of the tree", error) <
            0 ||
        refuse(change, is_bad_mode, NULL, "the change has files of an unknown kind", error) < 0)
        return -1;
    return 0;
}

bool change_is_link(const struct change_entry *entry)
{
    return entry->new_mode == MODE_LINK;
}

/* Whether a target stays inside the tree. It may have `..` only at its beginning, and at most as many as
 * there are directories above the link. A `..` after a name would start from wherever a link of that name
 * leads. */
static bool stays_inside(const char *path, const char *target, size_t length)
{
    size_t depth = 0;
    bool named = false;

    for (; *path; path++)
        depth += *path == '/';
    if (length == 0 || target[0] == '/' || memchr(target, '\0', length) ||
        memchr(target, '\\', length))
        return false;
    for (size_t at = 0; at < length;) {
        const char *component = target + at;
        const char *slash = memchr(component, '/', length - at);
        size_t size = slash ? (size_t)(slash - component) : length - at;

        if (size == 2 && memcmp(component, "..", 2) == 0) {
            if (named || depth-- == 0)
                return false;
        } else if (size > 0 && !(size == 1 && component[0] == '.')) {
            named = true;
            if (is_dot_git(component, size))
                return false;
        }
        at += size + 1;
    }
    return true;
}

int change_check_link(const char *path, const char *target, size_t length, struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names names = {0};

    if (stays_inside(path, target, length))
        return 0;
    file_names_add(&names, path);
    return error_set(error, ERROR_PERMANENT,
                     "the change has a symbolic link that leaves the tree: %s",
                     file_names_string(&names));
}
