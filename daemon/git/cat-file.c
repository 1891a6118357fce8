#include "daemon/git/cat-file.h"

#include <stdio.h>
#include <string.h>

struct cat_file cat_file_of(const struct text *asked, const char *output, size_t length,
                            bool contents)
{
    const char *questions = text_string(asked);

    return (struct cat_file){
        .asked = questions,
        .asked_end = questions + asked->length,
        .at = output,
        .end = output + length,
        .contents = contents,
    };
}

/* Skips "<question> missing\n". A question may contain line ends. */
static bool skip_missing(struct cat_file *objects, const char *question)
{
    static const char *const words[] = {" missing\n", " ambiguous\n", NULL};
    size_t length = strlen(question);
    size_t left = (size_t)(objects->end - objects->at);

    if (left < length || memcmp(objects->at, question, length) != 0)
        return false;
    for (size_t i = 0; words[i]; i++) {
        size_t word = strlen(words[i]);

        if (left >= length + word && memcmp(objects->at + length, words[i], word) == 0) {
            objects->at += length + word;
            return true;
        }
    }
    return false;
}

bool cat_file_next(struct cat_file *objects, struct cat_file_object *object)
{
    const char *line_end;
    unsigned long long size = 0;
    char type[16] = "";

    *object = (struct cat_file_object){.asked = objects->asked};
    if (objects->asked >= objects->asked_end)
        return false;
    objects->asked += strlen(objects->asked) + 1;
    if (objects->at >= objects->end || skip_missing(objects, object->asked))
        return true;
    line_end = memchr(objects->at, '\n', (size_t)(objects->end - objects->at));
    if (!line_end) {
        objects->at = objects->end;
        return true;
    }
    if (sscanf(objects->at, "%64[0-9a-f] %15[a-z] %llu", object->hash, type, &size) != 3) {
        objects->at = line_end + 1;
        return true;
    }
    objects->at = line_end + 1;
    object->found = strcmp(type, "blob") == 0;
    if (!objects->contents)
        return true;
    if (size >= (size_t)(objects->end - objects->at))
        size = (size_t)(objects->end - objects->at);
    object->bytes = objects->at;
    object->length = (size_t)size;
    objects->at += size + (objects->at + size < objects->end);
    return true;
}
