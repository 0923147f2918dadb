/* How the kernels that go over elements one by one are cut: serial below SERIAL elements, else into pieces of about PIECE. */
#ifndef FS_CHUNKS_H
#define FS_CHUNKS_H

enum { SERIAL = 32768, PIECE = 16384 };

#endif
