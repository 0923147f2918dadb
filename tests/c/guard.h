/* Buffers between forbidden pages: one element read or written out of bounds stops the program there and then. */
#ifndef GUARD_H
#define GUARD_H

#include <stddef.h>

/* Which end of a buffer touches the forbidden page; what lies between its other end and a page is checked for writes.
 */
enum guard_side { GUARD_END, GUARD_BEGIN };
enum guard_kind { GUARD_INPUT, GUARD_OUTPUT };

void guard_set_side(enum guard_side side);

/* `bytes` bytes, until guard_release. The name is kept, not copied. */
void *guard_alloc(const char *name, size_t bytes, enum guard_kind kind);
void guard_freeze(void);  /* no input can be written any more */
void guard_release(void); /* gives all of them back, after looking for writes beside them */

/* Workspace that a kernel takes and gives back, on any thread: full of NaN, and aligned to 8 bytes, so that it ends at
 * most 7 bytes before the forbidden page. */
void *guard_take(size_t bytes);
void guard_give(void *p);
size_t guard_taken(void); /* bytes not given back */
void guard_forget(void);  /* gives everything back, workspace too, and looks at nothing */

/* Says in `text` where an address lies relative to the buffer it is nearest to; 0 if it lies by none. */
int guard_describe(const void *address, char *text, size_t size);

#endif
