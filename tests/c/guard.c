#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "guard.h"

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_BUFFERS = 256, CANARY = 0xA5, NAN_BYTE = 0xFF, ALIGN = 8 };
enum { WORKSPACE = GUARD_OUTPUT + 1 };

/* In memory: a forbidden page, `room` bytes of whole pages with the buffer at one end of them, a forbidden page. */
typedef struct {
    const char *name;
    int kind;
    char *room, *user; /* user is NULL in a slot that is free */
    size_t room_bytes, bytes;
} buffer;

static buffer buffers[MAX_BUFFERS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static enum guard_side side = GUARD_END;

#define EACH_BUFFER(b)                                        \
    for (buffer *b = buffers; b < buffers + MAX_BUFFERS; b++) \
        if (b->user)

static size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

static size_t page(void) {
    static size_t size;
    if (!size) size = (size_t)sysconf(_SC_PAGESIZE);
    return size;
}

static void stop(const char *why) {
    perror(why);
    exit(2);
}

void guard_set_side(enum guard_side s) { side = s; }

static buffer *free_slot(void) {
    for (buffer *b = buffers; b < buffers + MAX_BUFFERS; b++) {
        if (!b->user) return b;
    }
    stop("too many buffers");
    return NULL;
}

static void *make(const char *name, size_t bytes, size_t align, int kind) {
    const size_t room = round_up(bytes, page()), offset = side == GUARD_END ? room - round_up(bytes, align) : 0;
    char *map = mmap(NULL, room + 2 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (map == MAP_FAILED) stop("mmap");
    char *start = map + page(), *user = start + offset;
    if (room && mprotect(start, room, PROT_READ | PROT_WRITE)) stop("mprotect");
    memset(start, CANARY, room);
    pthread_mutex_lock(&mutex);
    *free_slot() = (buffer){name, kind, start, user, room, bytes};
    pthread_mutex_unlock(&mutex);
    return user;
}

static void unmap(buffer *b) {
    munmap(b->room - page(), b->room_bytes + 2 * page());
    b->user = NULL;
}

static int untouched(const char *from, const char *to) {
    while (from < to && *(const unsigned char *)from == CANARY) from++;
    return from == to;
}

static void look_beside(const buffer *b) {
    if (!untouched(b->room, b->user)) FAIL("written before the start of \"%s\"", b->name);
    if (!untouched(b->user + b->bytes, b->room + b->room_bytes)) FAIL("written past the end of \"%s\"", b->name);
}

void *guard_alloc(const char *name, size_t bytes, enum guard_kind kind) { return make(name, bytes, 1, (int)kind); }

void guard_freeze(void) {
    EACH_BUFFER(b) {
        if (b->kind == GUARD_INPUT && b->room_bytes && mprotect(b->room, b->room_bytes, PROT_READ)) stop("mprotect");
    }
}

void guard_release(void) {
    EACH_BUFFER(b) {
        if (b->kind == WORKSPACE) continue;
        look_beside(b);
        unmap(b);
    }
}

void *guard_take(size_t bytes) {
    void *p = make("workspace", bytes, ALIGN, WORKSPACE);
    memset(p, NAN_BYTE, bytes);
    return p;
}

void guard_give(void *p) {
    if (!p) return;
    int found = 0;
    pthread_mutex_lock(&mutex);
    EACH_BUFFER(b) {
        if (found || b->kind != WORKSPACE || b->user != p) continue;
        look_beside(b);
        unmap(b);
        found = 1;
    }
    if (!found) FAIL("given back, but never taken: %p", p);
    pthread_mutex_unlock(&mutex);
}

size_t guard_taken(void) {
    size_t bytes = 0;
    EACH_BUFFER(b) bytes += b->kind == WORKSPACE ? b->bytes + !b->bytes : 0;
    return bytes;
}

void guard_forget(void) { EACH_BUFFER(b) unmap(b); }

static int describe_one(const buffer *b, const char *at, char *text, size_t size) {
    if (at < b->room - page() || at >= b->room + b->room_bytes + page()) return 0;
    if (at < b->user) {
        snprintf(text, size, "%td bytes before the start of \"%s\"", b->user - at, b->name);
    } else if (at >= b->user + b->bytes) {
        snprintf(text, size, "%td bytes past the end of \"%s\"", at - (b->user + b->bytes), b->name);
    } else {
        snprintf(text, size, "written to \"%s\", an input", b->name);
    }
    return 1;
}

int guard_describe(const void *address, char *text, size_t size) {
    EACH_BUFFER(b) {
        if (describe_one(b, address, text, size)) return 1;
    }
    return 0;
}
