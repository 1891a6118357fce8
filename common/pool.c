#include "common/pool.h"

static void run(uv_work_t *request)
{
    struct pool_work *work = request->data;

    work->run(work);
}

static void over(uv_work_t *request, int status)
{
    struct pool_work *work = request->data;

    work->over(work, status);
}

static void discard(struct operation *operation)
{
    struct pool_work *work = (struct pool_work *)operation;

    atomic_store(&work->stop, true);
    uv_cancel((uv_req_t *)&work->request);
}

struct operation *pool_start(uv_loop_t *loop, struct pool_work *work)
{
    work->operation.discard = discard;
    work->request.data = work;
    /* It fails for a NULL callback only. */
    uv_queue_work(loop, &work->request, run, over);
    return &work->operation;
}
