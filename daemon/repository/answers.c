#include "daemon/repository/answers.h"

#include <stdio.h>
#include <string.h>

struct answers answers_of(const struct text *asked, const char *output, size_t length,
                          bool contents)
{
    const char *questions = text_string(asked);

    return (struct answers){
        .asked = questions,
        .asked_end = questions + asked->length,
        .at = output,
        .end = output + length,
        .contents = contents,
    };
}

/* "<question> missing\n"; a question may hold line ends. */
static bool skip_missing(struct answers *answers, const char *question)
{
    static const char *const words[] = {" missing\n", " ambiguous\n", NULL};
    size_t length = strlen(question);
    size_t left = (size_t)(answers->end - answers->at);

    if (left < length || memcmp(answers->at, question, length) != 0)
        return false;
    for (size_t i = 0; words[i]; i++) {
        size_t word = strlen(words[i]);

        if (left >= length + word && memcmp(answers->at + length, words[i], word) == 0) {
            answers->at += length + word;
            return true;
        }
    }
    return false;
}

bool answers_next(struct answers *answers, struct answer *answer)
{
    const char *line_end;
    unsigned long long size = 0;
    char type[16] = "";

    *answer = (struct answer){.asked = answers->asked};
    if (answers->asked >= answers->asked_end)
        return false;
    answers->asked += strlen(answers->asked) + 1;
    if (answers->at >= answers->end || skip_missing(answers, answer->asked))
        return true;
    line_end = memchr(answers->at, '\n', (size_t)(answers->end - answers->at));
    if (!line_end) {
        answers->at = answers->end;
        return true;
    }
    if (sscanf(answers->at, "%64[0-9a-f] %15[a-z] %llu", answer->hash, type, &size) != 3) {
        answers->at = line_end + 1;
        return true;
    }
    answers->at = line_end + 1;
    answer->found = strcmp(type, "blob") == 0;
    if (!answers->contents)
        return true;
    if (size >= (size_t)(answers->end - answers->at))
        size = (size_t)(answers->end - answers->at);
    answer->bytes = answers->at;
    answer->length = (size_t)size;
    answers->at += size + (answers->at + size < answers->end);
    return true;
}
