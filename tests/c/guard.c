#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#include "guard.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_BUFFERS = 256, CANARY = 0xA5 };

/* In memory: a forbidden page, `room` bytes of whole pages with the buffer at one end of them, a forbidden page. */
typedef struct {
    const char *name;
    enum guard_kind kind;
    char *room, *user;
    size_t room_bytes, bytes;
} buffer;

static buffer buffers[MAX_BUFFERS];
static int count;
static enum guard_side side = GUARD_END;

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

void *guard_alloc(const char *name, size_t bytes, enum guard_kind kind) {
    const size_t room = (bytes + page() - 1) / page() * page();
    if (count == MAX_BUFFERS) stop("too many buffers");
    char *map = mmap(NULL, room + 2 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (map == MAP_FAILED) stop("mmap");
    buffer *b = &buffers[count++];
    *b = (buffer){name, kind, map + page(), map + page() + (side == GUARD_END ? room - bytes : 0), room, bytes};
    if (room && mprotect(b->room, room, PROT_READ | PROT_WRITE)) stop("mprotect");
    memset(b->room, CANARY, (size_t)(b->user - b->room));
    memset(b->user + bytes, CANARY, (size_t)(b->room + room - (b->user + bytes)));
    return b->user;
}

void guard_freeze(void) {
    for (int i = 0; i < count; i++) {
        const buffer *b = &buffers[i];
        if (b->kind == GUARD_INPUT && b->room_bytes && mprotect(b->room, b->room_bytes, PROT_READ)) stop("mprotect");
    }
}

static int untouched(const char *from, const char *to) {
    while (from < to && *(const unsigned char *)from == CANARY) from++;
    return from == to;
}

void guard_release(void) {
    while (count > 0) {
        const buffer *b = &buffers[--count];
        if (!untouched(b->room, b->user)) FAIL("written before the start of \"%s\"", b->name);
        if (!untouched(b->user + b->bytes, b->room + b->room_bytes)) FAIL("written past the end of \"%s\"", b->name);
        munmap(b->room - page(), b->room_bytes + 2 * page());
    }
}

int guard_describe(const void *address, char *text, size_t size) {
    const char *at = address;
    for (int i = 0; i < count; i++) {
        const buffer *b = &buffers[i];
        if (at < b->room - page() || at >= b->room + b->room_bytes + page()) continue;
        if (at < b->user) {
            snprintf(text, size, "%td bytes before the start of \"%s\"", b->user - at, b->name);
        } else if (at >= b->user + b->bytes) {
            snprintf(text, size, "%td bytes past the end of \"%s\"", at - (b->user + b->bytes), b->name);
        } else {
            snprintf(text, size, "written to \"%s\", an input", b->name);
        }
        return 1;
    }
    return 0;
}
