#include "daemon/git/lock.h"

#include <string.h>

/* Unable to create '/srv/git/project.git/refs/heads/main.lock': File exists. */
bool lock_explain(struct text *text, const char *words)
{
    static const char before[] = "Unable to create '";
    static const char behind[] = ".lock': File exists";
    const char *path = strstr(words, before);
    const char *end = path ? strstr(path, behind) : NULL;

    if (!end)
        return false;
    path += sizeof(before) - 1;
    text_append_bytes(text, path, (size_t)(end - path));
    text_append(text, ".lock is in the way: another git is at work there, or one was killed and "
                      "left it; if none is at work, remove that file");
    return true;
}
