#include "daemon/status/work.h"

#include "common/memory.h"
#include "daemon/store/pull.h"

#include <stdlib.h>

#define NONE SIZE_MAX

/* One member. */
struct place {
    size_t below;   /* how many it contains */
    size_t nearest; /* of these the one that contains most of the others; NONE */
    bool inner;     /* another one contains it */
    bool drawn;
};

struct finding {
    struct status *status;
    struct place *places;
};

static int compare_newest(const void *key, const void *element)
{
    int64_t result = *(const int64_t *)key, other = ((const struct store_member *)element)->result;

    return (result < other) - (result > other);
}

/* Both ends of each containment are members. */
static size_t find_member(const struct status *status, int64_t result)
{
    const struct store_member *found = bsearch(&result, status->members, status->member_count,
                                               sizeof(*found), compare_newest);

    return (size_t)(found - status->members);
}

static bool is_nearer(const struct place *places, size_t one, size_t other)
{
    return other == NONE || places[one].below > places[other].below;
}

static void find_places(struct finding *finding, const struct store_containment *containments,
                        size_t count)
{
    CLEANUP_FREE size_t *ends = memory_new_array(2 * count + 1, sizeof(*ends));
    struct place *places = finding->places;

    for (size_t i = 0; i < finding->status->member_count; i++)
        places[i].nearest = NONE;
    for (size_t i = 0; i < count; i++) {
        ends[2 * i] = find_member(finding->status, containments[i].container);
        ends[2 * i + 1] = find_member(finding->status, containments[i].contained);
        places[ends[2 * i]].below++;
        places[ends[2 * i + 1]].inner = true;
    }
    for (size_t i = 0; i < count; i++) {
        struct place *container = &places[ends[2 * i]];

        if (is_nearer(places, ends[2 * i + 1], container->nearest))
            container->nearest = ends[2 * i + 1];
    }
}

static void draw(struct finding *finding, size_t top)
{
    struct status *status = finding->status;
    struct status_work work = {
        .members = memory_new_array(finding->places[top].below + 1, sizeof(*work.members)),
        .on = NONE,
    };

    for (size_t at = top; at != NONE; at = finding->places[at].nearest) {
        if (finding->places[at].drawn) {
            work.on = at;
            break;
        }
        finding->places[at].drawn = true;
        work.members[work.count++] = at;
    }
    status->works = memory_resize(status->works, (status->work_count + 1) * sizeof(work));
    status->works[status->work_count++] = work;
}

void work_find(struct status *status, const struct store_containment *containments, size_t count)
{
    CLEANUP_FREE struct place *places = memory_new_array(status->member_count + 1, sizeof(*places));
    struct finding finding = {.status = status, .places = places};

    find_places(&finding, containments, count);
    for (size_t i = 0; i < status->member_count; i++) {
        if (!places[i].inner)
            draw(&finding, i);
    }
    /* In a history with merges, some are in no line so far. */
    for (size_t i = 0; i < status->member_count; i++) {
        if (!places[i].drawn)
            draw(&finding, i);
    }
}

void work_clear(struct status *status)
{
    for (size_t i = 0; i < status->work_count; i++)
        free(status->works[i].members);
    free(status->works);
    free(status->members);
}
