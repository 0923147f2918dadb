/* What was made of an array, kept for the next time: the transformed filters of one small image's convolution, where making
 * them is a third of the work.
 *
 * Nobody says when an array changes: optimizers do not, and NumPy writes where it likes. So each entry holds a copy of what
 * it was made of, and is known only while that is the same, bit for bit: nothing goes stale. To compare takes a tenth of the
 * time that it takes to make.
 *
 * Entries are few and small, the one that was not asked for for longest goes first, and fs_empty_cache lets go of all. A
 * thread has what it takes to itself until it gives it back; whoever asks meanwhile gets memory of his own.
 */
#include "fastscratch.h"
#include "real.h"

#include <stdatomic.h>
#include <string.h>

enum {
    ENTRIES = 32,
    MOST = 1 << 19, /* bytes of an entry: more would not stay in the cache beside what it is used with */
    SPINS = 1000    /* then without the table: a forked child may have inherited the lock */
};

static struct {
    struct fs_kept entry;
    atomic_int taken;
    uint64_t used; /* when */
} table[ENTRIES];
static uint64_t now = 0;
static atomic_flag locked = ATOMIC_FLAG_INIT;

static int lock(void) {
    for (int i = 0; i < SPINS; i++) {
        if (!atomic_flag_test_and_set_explicit(&locked, memory_order_acquire)) return 1;
        FS_PAUSE();
    }
    return 0;
}
static void unlock(void) { atomic_flag_clear_explicit(&locked, memory_order_release); }

static int same(const struct fs_kept *e, const struct fs_kept *wanted) {
    return e->source == wanted->source && e->bytes == wanted->bytes && e->by == wanted->by && e->form == wanted->form &&
           e->size == wanted->size && e->made;
}

/* The place of what is wanted, else the one that has waited longest; -1 if there is none. It is taken. */
static int find(const struct fs_kept *wanted) {
    int found = -1;
    if (!lock()) return -1;
    for (int i = 0; i < ENTRIES; i++) {
        if (atomic_load_explicit(&table[i].taken, memory_order_acquire)) continue;
        if (found < 0 || table[i].used < table[found].used) found = i;
        if (!same(&table[i].entry, wanted)) continue;
        found = i;
        break;
    }
    if (found >= 0) {
        atomic_store_explicit(&table[found].taken, 1, memory_order_relaxed);
        table[found].used = ++now;
    }
    unlock();
    return found;
}

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* Memory for an entry: what is made, and behind it the copy. */
static struct fs_kept *renew(struct fs_kept *e, const struct fs_kept *wanted, size_t copy) {
    fs_free(e->made);
    *e = *wanted;
    e->made = fs_alloc(aligned(e->size) + copy);
    e->from = copy && e->made ? (char *)e->made + aligned(e->size) : e->source;
    return e;
}

struct fs_kept *fs_kept_take(const void *source, size_t bytes, const void *by, ptrdiff_t form, size_t size) {
    const struct fs_kept wanted = {.source = source, .bytes = bytes, .by = by, .form = form, .size = size, .place = -1};
    const int place = bytes == 0 || bytes + size > MOST ? -1 : find(&wanted);
    if (place < 0) { /* an entry that nobody finds */
        struct fs_kept *e = fs_alloc(sizeof *e);
        if (!e) return NULL;
        e->made = NULL;
        if (renew(e, &wanted, 0)->made) return e;
        fs_free(e);
        return NULL;
    }
    struct fs_kept *e = &table[place].entry;
    e->place = place;
    if (!same(e, &wanted)) {
        renew(e, &wanted, bytes)->place = place;
        if (!e->made) {
            fs_kept_give(e);
            return NULL;
        }
        e->known = 0;
    } else {
        e->known = memcmp(e->from, source, bytes) == 0;
    }
    if (!e->known) memcpy((char *)e->made + aligned(size), source, bytes);
    return e;
}

void fs_kept_give(struct fs_kept *e) {
    if (e->place >= 0) {
        atomic_store_explicit(&table[e->place].taken, 0, memory_order_release);
        return;
    }
    fs_free(e->made);
    fs_free(e);
}

void fs_kept_drop(void) {
    if (!lock()) return;
    for (int i = 0; i < ENTRIES; i++) {
        if (atomic_load_explicit(&table[i].taken, memory_order_acquire)) continue;
        fs_free(table[i].entry.made);
        table[i].entry.made = NULL;
        table[i].used = 0;
    }
    unlock();
}
