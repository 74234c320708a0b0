#pragma once
/* What xnnpack.h needs of its thread pool: Debian's libxnnpack-dev comes without this header. */
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct pthreadpool* pthreadpool_t;
pthreadpool_t pthreadpool_create(size_t threads_count);
void pthreadpool_destroy(pthreadpool_t threadpool);
#ifdef __cplusplus
}
#endif
