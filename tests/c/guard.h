/* Buffers between forbidden pages, so that one element read or written out of bounds stops the program there and then.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stddef.h>

/* Which end of a buffer touches the forbidden page; the bytes between the other end and its page are checked for
 * writes. */
enum guard_side { GUARD_END, GUARD_BEGIN };
enum guard_kind { GUARD_INPUT, GUARD_OUTPUT };

void guard_set_side(enum guard_side side);

/* `bytes` bytes, until guard_release. The name is kept, not copied. */
void *guard_alloc(const char *name, size_t bytes, enum guard_kind kind);

void guard_freeze(void);  /* no input can be written any more */
void guard_release(void); /* gives everything back, after looking for writes beside the buffers */

/* Says in `text` where an address lies relative to the buffer it is nearest to; 0 if it lies by none. */
int guard_describe(const void *address, char *text, size_t size);

#endif
