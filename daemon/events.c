#include "daemon/events.h"

#define DEFINE_EVENT(name_, message_, level_, id_)                                                 \
    const struct log_event event_##name_ = {                                                       \
        .message = (message_), .level = LOG_LEVEL_##level_, .id = (id_)};
EVENTS(DEFINE_EVENT)
