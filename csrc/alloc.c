/* A caching allocator: freed blocks wait, by size class, for the next request of their class.
 *
 * A fresh page costs a page fault (about 80 us per MB); a training step asks for the same sizes again and again, so after
 * the first one it faults no more. Blocks are aligned to 64 bytes, large ones to a huge page; classes are four to the power
 * of two, so at most a quarter of a block is slack. Idle blocks are kept up to a cap, beyond which they go back to the
 * system. Any thread may free any block. Sanitizer builds (FS_NO_CACHE) pass every request to malloc, so that a stray
 * access is seen.
 */
#define _DEFAULT_SOURCE /* madvise, which -std=c11 hides */
#include "fastscratch.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if !defined(_WIN32)
#include <pthread.h>
#include <sched.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

#if defined(__SANITIZE_ADDRESS__) && !defined(FS_NO_CACHE)
#define FS_NO_CACHE
#endif

enum { ALIGN = 64, STEPS = 4, CLASSES = 48 * STEPS, HUGE_PAGE = 2 << 20 };

/* Sits in the ALIGN bytes before what the caller sees. */
typedef struct header {
    struct header *next; /* in the list of idle blocks */
    void *raw;           /* what malloc returned */
    size_t bytes;        /* the class's size */
    int class_index;
} header;

static header *idle[CLASSES];
static struct fs_memory stats = {0, 0, 0, 0, 0, (size_t)1 << 30};
static atomic_flag locked = ATOMIC_FLAG_INIT;

/* Held briefly, so waiting is spinning; but the holder may have lost the processor to the one who waits. */
static void lock(void) {
    for (int spins = 0; atomic_flag_test_and_set_explicit(&locked, memory_order_acquire); spins++) {
#if !defined(_WIN32)
        if (spins > 100) sched_yield();
#endif
    }
}
static void unlock(void) { atomic_flag_clear_explicit(&locked, memory_order_release); }

void fs_alloc_init(void) {
#if !defined(_WIN32)
    static atomic_flag done = ATOMIC_FLAG_INIT;
    /* Hold the lock over a fork, so that the child never inherits it half-way through a change. */
    if (!atomic_flag_test_and_set(&done)) pthread_atfork(lock, unlock, unlock);
#endif
}

/* The smallest class that holds `bytes`; its size in *size. -1 when no class does. */
static int class_of(size_t bytes, size_t *size) {
    size_t base = 256;
    int index = 0;
    while (index < CLASSES) {
        for (int step = 0; step < STEPS; step++, index++) {
            const size_t s = base + base / STEPS * (size_t)step;
            if (bytes <= s) {
                *size = s;
                return index;
            }
        }
        if (base > SIZE_MAX / 4) return -1;
        base *= 2;
    }
    return -1;
}

/* Large blocks ask for large pages: one fault instead of 512. What does not fill one stays on small pages. */
static int wants_huge_pages(size_t bytes) {
#if defined(MADV_HUGEPAGE) && !defined(FS_NO_CACHE)
    return bytes >= HUGE_PAGE;
#else
    (void)bytes;
    return 0;
#endif
}

static void *fresh(size_t bytes, int index, int zeroed) {
    const int huge = wants_huge_pages(bytes);
    const size_t align = huge ? HUGE_PAGE : ALIGN;
    if (bytes >= SIZE_MAX - ALIGN - align) return NULL;
    char *raw = zeroed ? calloc(1, bytes + ALIGN + align) : malloc(bytes + ALIGN + align);
    if (!raw) return NULL;
    char *user = (char *)(((uintptr_t)raw + ALIGN + align - 1) / align * align);
#if defined(MADV_HUGEPAGE)
    if (huge) madvise(user, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* refused is no harm */
#endif
    header *h = (header *)(void *)(user - ALIGN);
    h->next = NULL;
    h->raw = raw;
    h->bytes = bytes;
    h->class_index = index;
    return user;
}

static void count_use(size_t bytes) {
    stats.used += bytes;
    if (stats.used > stats.peak) stats.peak = stats.used;
}

static void *alloc(size_t bytes, int zeroed) {
    size_t size = 0;
    const int index = class_of(bytes, &size);
    if (index < 0) return NULL;
#ifdef FS_NO_CACHE
    size = bytes;
#endif
    lock();
    header *h = idle[index];
    if (h) {
        idle[index] = h->next;
        stats.cached -= h->bytes;
        stats.hits++;
        count_use(h->bytes);
        unlock();
        return zeroed ? memset((char *)h + ALIGN, 0, bytes) : (char *)h + ALIGN;
    }
    stats.misses++;
    unlock();
    void *p = fresh(size, index, zeroed);
    if (!p) {
        fs_empty_cache(); /* idle blocks of other sizes may be what is missing */
        p = fresh(size, index, zeroed);
        if (!p) return NULL;
    }
    lock();
    count_use(size);
    unlock();
    return p;
}

void *fs_alloc(size_t bytes) { return alloc(bytes, 0); }

/* Fresh memory is the system's zeros, which cost nothing until they are touched. */
void *fs_alloc_zeroed(size_t bytes) { return alloc(bytes, 1); }

size_t fs_alloc_size(const void *p) { return p ? ((const header *)(const void *)((const char *)p - ALIGN))->bytes : 0; }

void fs_free(void *p) {
    if (!p) return;
    header *h = (header *)(void *)((char *)p - ALIGN);
    lock();
    stats.used -= h->bytes;
#ifndef FS_NO_CACHE
    if (stats.cached + h->bytes <= stats.cap) {
        stats.cached += h->bytes;
        h->next = idle[h->class_index];
        idle[h->class_index] = h;
        unlock();
        return;
    }
#endif
    unlock();
    free(h->raw);
}

void fs_empty_cache(void) {
    fs_kept_drop();
    lock();
    for (int i = 0; i < CLASSES; i++) {
        while (idle[i]) {
            header *h = idle[i];
            idle[i] = h->next;
            stats.cached -= h->bytes;
            free(h->raw);
        }
    }
    unlock();
}

void fs_set_cache_cap(size_t bytes) {
    lock();
    stats.cap = bytes;
    unlock();
}

struct fs_memory fs_memory_stats(void) {
    lock();
    const struct fs_memory copy = stats;
    unlock();
    return copy;
}

void fs_reset_peak(void) {
    lock();
    stats.peak = stats.used;
    unlock();
}
